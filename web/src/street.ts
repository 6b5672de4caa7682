// Live events and figures of the demonstration page. Events hold ids, never a plate.

interface StreetEvent {
  kind: string;
  at: string;
  sealed?: string;
  log_entry?: number;
}

interface Figures {
  cameras: { on: boolean }[];
  figures: { reads: number; hits: number; searches: number; refusals: number };
}

const list = document.getElementById('events');
// What an event is called stands in the page, in its language.
const words = new Map(
  [...document.querySelectorAll<HTMLElement>('#event-words [data-kind]')].map((e) => [e.dataset.kind, e.textContent ?? '']),
);
const entry = document.getElementById('event-words')?.dataset.entry ?? '';
let first = true;

function show(event: StreetEvent): void {
  const title = words.get(event.kind);
  if (!list || title === undefined) return;
  if (first) {
    list.replaceChildren();
    first = false;
  }
  const item = document.createElement('li');
  item.className = event.kind.replace('.', '-');
  const strong = document.createElement('strong');
  strong.textContent = title;
  const code = document.createElement('code');
  code.textContent = event.sealed ?? (event.log_entry === undefined ? '' : entry.replace('{n}', String(event.log_entry)));
  const time = document.createElement('time');
  time.textContent = event.at.slice(11, 19);
  item.append(time, ' ', strong, ' ', code);
  list.prepend(item);
  while (list.children.length > 12) list.lastElementChild?.remove();
}

async function figures(): Promise<void> {
  const answer = await fetch('/v1/public');
  if (!answer.ok) return;
  const p = (await answer.json()) as Figures;
  const values = {
    cameras_on: p.cameras.filter((c) => c.on).length,
    reads: p.figures.reads,
    hits: p.figures.hits,
    searches: p.figures.searches,
    refusals: p.figures.refusals,
  };
  for (const [name, value] of Object.entries(values)) {
    const shown = document.querySelector(`#figures [data-figure=${name}]`);
    if (shown) shown.textContent = value.toLocaleString(document.documentElement.lang);
  }
}

const source = new EventSource('/v1/events');
source.onmessage = (m: MessageEvent<string>) => show(JSON.parse(m.data) as StreetEvent);
source.addEventListener('lagged', () => void figures());
void figures();
setInterval(() => void figures(), 2000);
