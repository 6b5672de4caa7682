// An identity provider on loopback, certified OpenID Connect: node idp.mjs PEOPLE.json CLIENT-SECRET BACK
//
// Prints its address. Whoever signs in says who they are; what groups they are in says PEOPLE.json, read each time.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [people, secret, back] = process.argv.slice(2);
const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: 'homeplate', client_secret: secret, redirect_uris: [back] }],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'] },
  pkce: { required: () => true },
  findAccount: (_, id) => {
    const known = JSON.parse(readFileSync(people, 'utf8'))[id];
    return known && { accountId: id, claims: () => ({ sub: id, ...known }) };
  },
});
server.on('request', provider.callback());
console.log(issuer);
