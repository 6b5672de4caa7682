// Counts down to a moment, by the server's clock; the page is asked for again when it has come.

const two = (n: number): string => String(n).padStart(2, '0');

function left(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const days = Math.floor(s / 86_400);
  const rest = `${two(Math.floor(s / 3600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return days > 0 ? `${days} × 24 h + ${rest}` : rest;
}

export function start(): void {
  for (const place of document.querySelectorAll<HTMLElement>('[data-countdown]')) {
    const end = Date.parse(place.dataset.countdown ?? '');
    if (Number.isNaN(end)) continue;
    // The visitor's clock tells how much time goes by, not what time it is.
    const now = Date.parse(place.dataset.now ?? '');
    const ahead = Number.isNaN(now) ? 0 : Date.now() - now;
    place.title = place.textContent ?? '';
    // Where nothing is left as the page comes, another one would be no different.
    let more = end - Date.now() + ahead > 0;
    const timer = setInterval(tick, 1000);
    function tick(): void {
      const ms = end - Date.now() + ahead;
      place.textContent = left(ms);
      if (ms > 0) return;
      clearInterval(timer);
      if (more) setTimeout(() => location.reload(), 2000);
      more = false;
    }
    tick();
  }
}
