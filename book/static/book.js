// Read from a disk, a browser fetches no pages to quote from: the search then shows titles alone.
const onDisk = location.protocol === "file:";
if (onDisk && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

document.addEventListener("DOMContentLoaded", () => {
  // A network that runs in the page is fetched by a server's pages alone, and when it comes into view.
  for (const frame of onDisk ? [] : document.querySelectorAll(".live iframe")) {
    frame.loading = "lazy";
    frame.src = frame.dataset.src;
    frame.hidden = false;
    frame.closest(".live").querySelector("span").hidden = true;
  }
  // What the theme leaves unsaid to a screen reader, and out of a keyboard's reach.
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.ariaLevel = 2;
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  // The empty corner of a table heads no column.
  for (const corner of document.querySelectorAll("th")) {
    if (corner.textContent.trim()) continue;
    const cell = document.createElement("td");
    cell.className = corner.className;
    corner.replaceWith(cell);
  }
  const scrolls = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const each of document.querySelectorAll("pre, .table-wrapper")) scrolls.observe(each);
});
