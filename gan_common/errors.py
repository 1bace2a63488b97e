"""The one exception that means: the person at the keyboard can mend this."""


class UserError(ValueError):
    """A wrong flag, a missing or damaged file, a full disk: says what, where, and what to do.

    The message is one line.  Commands print it on stderr without a traceback and exit with status 2.
    Library code raises it where the cause lies outside the program; a wrong argument from Python code
    is a plain `ValueError`.
    """


def one_line(error: BaseException) -> str:
    """An exception's text on one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
