// Before the first paint, so that a chosen theme does not flash. A classic script for that reason.
try {
  const theme = localStorage.getItem("camweave.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden: the system's theme it is.
}
