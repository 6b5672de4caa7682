// Fetches what draws a map only when a map comes into view, in a browser that can draw it.

export function start(): void {
  const figures = [...document.querySelectorAll<HTMLElement>('[data-map]')];
  const able = document.createElement('canvas').getContext('webgl2') !== null;
  if (!able) return;
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    void import('./chart').then((chart) => chart.start(figures));
  });
  figures.forEach((figure) => watch.observe(figure));
}
