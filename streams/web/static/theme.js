// Before the first paint: the colours that this browser's user chose here, if any. A classic script, so that it comes
// before the page; everything else is a module.
"use strict";
{
  let chosen = null;
  try { chosen = localStorage.getItem("watchbill-theme"); } catch { /* storage is off: the system's colours hold */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
