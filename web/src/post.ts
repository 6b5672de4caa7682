// Sends JSON to the server in the session's name.

export type Json = Record<string, unknown>;

/** A failure that has a word of its own on the page (`data-…` of the status region). */
export class Told extends Error {
  constructor(readonly word: string, message = '') {
    super(message);
  }
}

export async function post(path: string, body: unknown): Promise<Json> {
  const csrf = document.querySelector<HTMLMetaElement>('meta[name=csrf]')?.content ?? '';
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf': csrf },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Told('offline');
  }
  const json = (await answer.json().catch(() => ({}))) as Json;
  if (!answer.ok) throw new Told('refused', typeof json.message === 'string' ? json.message : '');
  return json;
}
