// Live events and figures of the demonstration page. Events hold ids, never a plate.
const list = document.getElementById('events');
const words = {
  'read.sealed': (e) => ['A read was sealed', e.sealed],
  'hit.raised': (e) => ['A hit: a question to a person', `log entry ${e.log_entry}`],
  'hit.verdict': (e) => ['A person has decided a hit', `log entry ${e.log_entry}`],
  'search.answered': (e) => ['A question was answered', `log entry ${e.log_entry}`],
  'search.refused': (e) => ['A question was refused', `log entry ${e.log_entry}`],
  'order.off': (e) => ['Switched off by order', `log entry ${e.log_entry}`],
  'order.on': (e) => ['Switched on by order', `log entry ${e.log_entry}`],
  'camera.enrolled': (e) => ['A camera was enrolled', `log entry ${e.log_entry}`],
};
let first = true;
const show = (event) => {
  const word = words[event.kind];
  if (!word) return;
  if (first) { list.replaceChildren(); first = false; }
  const [title, detail] = word(event);
  const item = document.createElement('li');
  item.className = event.kind.replace('.', '-');
  const strong = document.createElement('strong');
  strong.textContent = title;
  const code = document.createElement('code');
  code.textContent = detail ?? '';
  const time = document.createElement('time');
  time.textContent = event.at.slice(11, 19);
  item.append(time, ' ', strong, ' ', code);
  list.prepend(item);
  while (list.children.length > 12) list.lastElementChild.remove();
};
const figures = async () => {
  const answer = await fetch('/v1/public');
  if (!answer.ok) return;
  const p = await answer.json();
  const values = { cameras_on: p.cameras.filter((c) => c.on).length, reads: p.figures.reads, hits: p.figures.hits,
    searches: p.figures.searches, refusals: p.figures.refusals };
  for (const [name, value] of Object.entries(values)) {
    document.querySelector(`#figures [data-figure=${name}]`).textContent = value;
  }
};
const source = new EventSource('/v1/events');
source.onmessage = (m) => show(JSON.parse(m.data));
source.addEventListener('lagged', figures);
figures();
setInterval(figures, 2000);
