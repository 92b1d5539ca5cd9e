/** Colors by daylight or at night, set before anything is drawn; js/ui/theme.js changes the wish. */

{
  const night = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let wish = null;
    try {
      wish = localStorage.getItem("impasto.theme");
    } catch { /* kept from pages in some private windows */ }
    const isDark = wish ? wish === "dark" : night.matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    document.querySelector("meta[name=theme-color]")?.setAttribute("content", isDark ? "#161514" : "#ece8e1");
  };
  apply();
  night.addEventListener("change", apply);
  document.addEventListener("themewish", apply);
}
