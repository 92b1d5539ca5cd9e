// The divider between photograph and painting follows the slider that lies over both.
document.addEventListener("input", ({ target }) => {
  const pair = target instanceof HTMLInputElement && target.closest(".pair");
  if (pair) pair.style.setProperty("--at", `${target.value}%`);
});
