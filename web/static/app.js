// Keeps a log at its end while its reader is there, and short.
const LINES_MAX = 2000;

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const log = event.target.closest(".log");
  if (log) log.dataset.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
});

document.addEventListener("htmx:sseMessage", (event) => {
  const log = event.target.closest(".log");
  if (!log) return;
  while (log.childElementCount > LINES_MAX) log.firstElementChild.remove();
  if (log.dataset.atEnd === "true") log.scrollTop = log.scrollHeight;
});

// A page whose session has ended asks for a new one.
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) location.assign("/login");
});
