// Read from a disk, a browser fetches no pages to quote from: the search then shows titles alone.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
// A network that runs in the page is fetched by a server's pages alone, and when it comes into view.
document.addEventListener("DOMContentLoaded", () => {
  if (location.protocol === "file:") return;
  for (const frame of document.querySelectorAll(".live iframe")) {
    frame.loading = "lazy";
    frame.src = frame.dataset.src;
    frame.hidden = false;
    frame.closest(".live").querySelector("span").hidden = true;
  }
});
