"""What is published of killed workers."""

from benchmarks.stress import workers


def kill(worker, status=2, why=True, seconds=1.0):
    return {
        "worker": worker,
        "after_step": 20,
        "status_of_the_other": status,
        "it_said_why": why,
        "seconds_until_it_ended": seconds,
    }


def test_the_tally_counts_whose_end_was_told():
    done = {"kills": [kill(0), kill(1, seconds=7.5)], "bad": [], "replicas": {"processes": 2}}
    told = workers.tally(done, workers.Options(kills=2))
    assert (told["kills"], told["of_the_first_worker"]) == (2, 1)
    assert told["each_time_told"]
    assert told["longest_until_the_other_ended_s"] == 7.5
    for silent in (kill(0, status=0), kill(1, why=False)):
        done["kills"].append(silent)
        assert not workers.tally(done, workers.Options())["each_time_told"]
        done["kills"].pop()


def test_the_last_whole_row_is_the_step_of_a_kill(tmp_path):
    table = tmp_path / "metrics.csv"
    table.write_text("step,d_loss\n")
    assert workers._last_row(tmp_path) == 0
    table.write_text("step,d_loss\n20,0.5\n40,0.25\n6")
    assert workers._last_row(tmp_path) == 40
