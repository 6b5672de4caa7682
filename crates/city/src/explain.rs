//! What each key of `homeplate.toml` means, for `homeplate config explain`.

mod directory;

use std::sync::LazyLock;

/// One key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// `section.key`.
    pub key: &'static str,
    /// What it does, and what follows from changing it.
    pub meaning: &'static str,
    /// What it is where it is left out.
    pub default: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

/// Every key, in the order of the file.
pub static EXPLAINED: LazyLock<Vec<Explained>> =
    LazyLock::new(|| [KEYS, directory::DIRECTORY].concat());

const KEYS: &[Explained] = &[
    e(
        "city.name",
        "The name that people read on the public page and in the console.",
        "none: it must be there",
        "any text",
    ),
    e(
        "city.slug",
        "The city's name in the origin of its log. Changing it makes another log: never do.",
        "none: it must be there",
        "1 to 40 of a-z, 0-9 and -",
    ),
    e(
        "city.time_zone",
        "In which zone people read times. The system itself keeps UTC.",
        "UTC",
        "an IANA name, for instance America/Chicago",
    ),
    e(
        "city.preset",
        "The law preset the city started from. It bounds retention.reads_days.",
        "none",
        "a name that `homeplate init --preset list` prints",
    ),
    e(
        "city.state",
        "The state that most passing vehicles are from: it tells how probable a hit is. Without it the preset's.",
        "none",
        "a state as us-il",
    ),
    e(
        "hotlist_fetch.list",
        "The list that the city fetches from hotlist_fetch.url; [[hotlist_fetch]] may stand more than once.",
        "none",
        "lst_ and a name",
    ),
    e(
        "hotlist_fetch.url",
        "Where it lies. An https address may not redirect.",
        "none",
        "https:// and so on, or sftp://NAME@HOST/PATH",
    ),
    e(
        "hotlist_fetch.every_minutes",
        "How often it is fetched. What failed is tried again within a quarter of an hour.",
        "none: 60 where it is left out",
        "5 to 10080",
    ),
    e(
        "hotlist_fetch.login",
        "Who the city is there: name and password, a line each, or a token alone.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "hotlist_fetch.key",
        "For SFTP: the city's private key in OpenSSH's form, without a passphrase.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "hotlist_fetch.host_key",
        "For SFTP: the fingerprint of the other side's host key. Another one is not talked to.",
        "none",
        "SHA256: and 43 characters, as ssh-keygen -l prints it",
    ),
    e(
        "hotlist_fetch.allow_local",
        "Whether hotlist_fetch.url may lead to this machine or into the city's own networks.",
        "none: false where it is left out",
        "true, false",
    ),
    e(
        "hotlist_drop.list",
        "The list that files in hotlist_drop.folder are for; [[hotlist_drop]] may stand more than once.",
        "none",
        "lst_ and a name",
    ),
    e(
        "hotlist_drop.folder",
        "Where a program drops whole hot lists. Its files spell plates: keep it where only the city reads.",
        "none",
        "a path, from the data folder or from the root",
    ),
    e(
        "hotlist_drop.mapping",
        "What its columns are for.",
        "none: their headings",
        "a file, as hot-lists.md says",
    ),
    e("hotlist_fetch.mapping", "The same.", "none: their headings", "a file, as hot-lists.md says"),
    e(
        "server.listen",
        "Address and port of the server. Other machines reach it only if the address is not a loopback.",
        "127.0.0.1:8080",
        "address:port",
    ),
    e(
        "server.ingest_in_flight",
        "How many batches of reads are taken in at a time. Cameras that come on top are asked to wait \
         and keep their reads meanwhile.",
        "32",
        "1 to 1024",
    ),
    e(
        "server.metrics",
        "Who may read /metrics: programs on this machine, or whoever reaches the server.",
        "loopback",
        "loopback or everyone",
    ),
    e(
        "server.public_url",
        "The city's address as browsers see it. Passkeys are bound to its name: with another name all are \
         made anew.",
        "none: http://localhost and the port, for this machine alone",
        "https:// and a name, or http://localhost, with a port where there is one",
    ),
    e(
        "server.passkey_domain",
        "The domain that passkeys are bound to, above the name in server.public_url: the city may then call the host \
         otherwise without new passkeys. With another domain all are made anew.",
        "none: the name in server.public_url",
        "that name, or a domain above it that somebody can own",
    ),
    e(
        "tls.mode",
        "Where the server's certificate comes from: a public authority that is asked by itself (acme), a file that \
         somebody else renews (file), an authority of the city's own (own-ca); or a proxy speaks TLS (proxy), or \
         nobody, for this machine alone.",
        "none",
        "none, proxy, file, own-ca or acme",
    ),
    e(
        "tls.certificate",
        "The certificate with its chain, for tls.mode = \"file\". A new one is taken up within seconds.",
        "none",
        "a PEM file, from the data folder or from the root",
    ),
    e(
        "tls.key",
        "Its private key.",
        "none",
        "a PEM file that its owner alone reads; it may be the same one",
    ),
    e(
        "tls.acme_directory",
        "The certificate authority that is asked with tls.mode = \"acme\".",
        "https://acme-v02.api.letsencrypt.org/directory",
        "an https address",
    ),
    e(
        "tls.acme_contact",
        "Whom that authority writes to.",
        "none",
        "mailto: and an e-mail address",
    ),
    e(
        "tls.acme_ca",
        "The root of that authority's own address, where this machine does not believe it.",
        "none",
        "a PEM file, from the data folder or from the root",
    ),
    e(
        "tls.redirect_listen",
        "Where plain HTTP is answered: with the way to the secret address, with the root of the city's own authority, \
         and with what a certificate authority looks for. Nothing else is taken there.",
        "none",
        "address:port",
    ),
    e(
        "tls.proxies",
        "Proxies that are believed when they say for whom they ask (X-Forwarded-For), with tls.mode = \"proxy\". Who \
         may reach the server from there can say anything of where they come from.",
        "none: with tls.mode = \"none\" those on this machine, otherwise nobody",
        "addresses, and networks as 10.1.0.0/16",
    ),
    e(
        "server.shift_hours",
        "Hours after which a console session ends in any case, at a registered desk and in a car too.",
        "12",
        "1 to 12",
    ),
    e(
        "keys.epoch_s",
        "Seconds in a key epoch. Reads are forgotten by the epoch: shorter is finer, and more keys.",
        "3600",
        "60 to 86400, and it divides a day",
    ),
    e(
        "keys.lease_s",
        "Seconds a camera may go on without asking again: the longest an order to switch off can be \
         unknown to a camera that is cut off.",
        "3600",
        "60 to 86400",
    ),
    e(
        "retention.reads_days",
        "After so many days the keys of reads are destroyed; no backup brings them back.",
        "21",
        "1 to 3650, and no more than the preset's",
    ),
    e(
        "custody.process",
        "Whether the city's keys are in the server's process or in one of their own, `homeplate custody`; \
         that one the server cannot read the keys of.",
        "inside",
        "inside or own",
    ),
    e(
        "custody.socket",
        "The socket on which that process answers the server.",
        "run/custody.socket",
        "a path, from the data folder or from the root",
    ),
    e(
        "custody.server_user",
        "The user of the system that the server runs as, where it is not custody's own; nobody else is \
         answered, root included.",
        "none",
        "a user's name",
    ),
    e(
        "custody.kek",
        "What protects the key that all others are encrypted under: its file's rights, a passphrase, or a key \
         in a token (PKCS#11), which is destroyed with every key that is forgotten.",
        "file",
        "file, passphrase or pkcs11",
    ),
    e(
        "custody.secret",
        "Where the passphrase or the token's PIN comes from; keep it away from the keys and their backups.",
        "none",
        "ask (at the terminal), credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "custody.pkcs11_module",
        "The token's PKCS#11 library.",
        "none",
        "a path, for instance /usr/lib/softhsm/libsofthsm2.so",
    ),
    e("custody.pkcs11_token", "The token's label.", "none", "text"),
    e(
        "log.tally_s",
        "Seconds between two looks at what goes by the clock: hits go cold, and folders of lists are looked into.",
        "60",
        "1 to 3600",
    ),
    e(
        "log.counts_s",
        "Seconds between two counts of reads on the public log.",
        "3600",
        "1 to 3600",
    ),
    e(
        "log.delay_minutes",
        "The public page and the public log show an entry so many minutes after it was made: in a small city \
         the moment of a question can tell who is asked about. The log itself, and its witnesses, do not wait.",
        "0",
        "0 to 10080",
    ),
    e(
        "log.minutes",
        "In steps of how many minutes the public log tells time. In a small town the minute of a \
         question can itself tell who asked.",
        "1",
        "1, 5, 10, 15, 30 or 60",
    ),
    e(
        "log.results",
        "Whether the public log tells how many reads an answer opened as a number or as a range; \
         with a range the numbers are in the entry's private half.",
        "exact",
        "exact or range",
    ),
    e(
        "log.sealed_days",
        "For how many days a question under a judicial warrant may stay sealed: until then the log \
         shows that there was one, and no more.",
        "90",
        "0 to 3650; 0 is never",
    ),
    e(
        "log.witnesses",
        "The file that names the log's witnesses and how many of them must sign, as C2SP's tlog-policy has \
         it; `homeplate witness` is one.",
        "none",
        "a file in the data folder",
    ),
    e(
        "log.witness_rule",
        "Whether the witnesses must have signed for a question before a read is opened, or within \
         log.witness_within_s; then questions stop until they do. Where a life is in danger neither is waited for.",
        "within",
        "before or within",
    ),
    e(
        "log.witness_within_s",
        "Seconds that the witnesses have to sign what is new on the log.",
        "600",
        "5 to 86400",
    ),
    e(
        "cases.format",
        "What a case number looks like: # is a digit, @ a letter, * anything that follows.",
        "##-####*",
        "any text; * takes everything",
    ),
    e(
        "cases.records_url",
        "Where the records system says whether a case is open, asked with every question: it answers JSON with \
         `open`, or 404. While it does not answer, cases count as the list has them, or as stated.",
        "none",
        "an https address with {case} in it",
    ),
    e(
        "cases.records_token",
        "The token that the records system wants, sent as a bearer token.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "cases.open_list",
        "A file in the data folder with one open case a line, written every day by the records system. \
         A case in it is attested; without the file, or when it is older than 36 hours, only stated.",
        "none",
        "a path within the data folder",
    ),
    e(
        "switch.on_signatures",
        "How many different people must order something on again, within a day.",
        "2",
        "1 or more",
    ),
    e(
        "switch.off_signatures",
        "How many different people must order something off; their orders are collected within a day, and a \
         file on a stick holds all of them. One makes off easy.",
        "1",
        "1 to 16",
    ),
    e(
        "switch.on_by",
        "Who may order something on, of those whom the rules let do so.",
        "none",
        "roles, and people as per_…; with none, all whom the rules let",
    ),
    e(
        "switch.off_by",
        "Who may order something off, of those whom the rules let do so. They may also stop a camera with an \
         order on a stick.",
        "none",
        "roles, and people as per_…; with none, all whom the rules let",
    ),
    e(
        "switch.groups",
        "Cameras that are switched together, by a name for them. Changing a group switches nothing.",
        "none",
        "name = [cameras]",
    ),
    e(
        "upgrade.signatures",
        "How many people sign the package of another version before it is installed (`homeplate upgrade --sign`); 0 asks \
         for none.",
        "0",
        "0 to the number of upgrade.signers",
    ),
    e(
        "upgrade.signers",
        "Who may sign such a package, and the public half of their key; `homeplate key new` prints both.",
        "none",
        "per_… = \"a public key\"",
    ),
    e(
        "cameras.silent_minutes",
        "A camera that has not been heard of for so many minutes is shown as silent. They tell their health \
         once a minute.",
        "5",
        "2 to 1440",
    ),
    e(
        "cameras.hits_only",
        "Cameras that keep nothing but what is on a hot list: the rest is dropped in their memory and only \
         counted. Nobody can ask later what passed there.",
        "none",
        "cam_…, or \"all\"",
    ),
    e(
        "cameras.without_list",
        "What such a camera keeps while it has no list of the day: no read, or every read.",
        "nothing",
        "nothing or all",
    ),
    e(
        "cameras.clear_pictures",
        "Cameras whose pictures keep windscreens and faces as they are. Without it they are made coarse, until no \
         face can be made out. It stands in each lease and on the public log.",
        "none",
        "cam_…, or \"all\"",
    ),
    e(
        "cameras.gate",
        "[[cameras.gate]] lets the reads of `camera` be told to a gate or tool at `to`, an address of the \
         camera's own network, for `reason`, until `until`. That it is opened and closed is on the public log.",
        "none: reads leave to nobody",
        "may stand more than once; to = http:// and numbers, until = a time",
    ),
    e(
        "limits.person_per_minute",
        "How many requests of one person are answered in a minute; more get 429 and Retry-After.",
        "300",
        "a whole number; 0 is no limit",
    ),
    e(
        "limits.camera_per_minute",
        "How many requests of one camera are answered in a minute: batches, leases, last words.",
        "1200",
        "a whole number; 0 is no limit",
    ),
    e(
        "limits.address_per_minute",
        "How many requests without a signature are answered in a minute for one network address: pages, \
         the log, enrolments. Behind a proxy on this machine, the address is the one that it adds to \
         X-Forwarded-For.",
        "600",
        "a whole number; 0 is no limit",
    ),
    e(
        "limits.false_per_minute",
        "How many requests with a false signature are looked at in a minute from one network address. \
         Beyond that, only keys that have signed from there before are; those are never held up by others.",
        "60",
        "a whole number; 0 is no limit",
    ),
    e(
        "hits.verdict_minutes",
        "Minutes within which a person has to decide a hit; after them it is cold, nothing is said on the air, and \
         who is named in deliver.escalate is told.",
        "10",
        "1 to 60",
    ),
    e(
        "hits.late_seconds",
        "A hit that came here so many seconds after its capture rings nowhere: the vehicle is anywhere.",
        "120",
        "10 to 3600",
    ),
    e(
        "hits.outcome_hours",
        "Hours after which it is published that nobody said what came of a confirmed hit.",
        "24",
        "1 to 168",
    ),
    e(
        "hits.misread_percent",
        "A camera of whose decided hits more than so many percent were misread has its hits wait until somebody \
         has looked at it.",
        "20",
        "1 to 100",
    ),
    e(
        "hits.misread_least",
        "So many hits of a camera must have been decided before that is asked.",
        "10",
        "3 to 1000",
    ),
    e(
        "drills.a_week",
        "How many drills begin by themselves in a week, at moments that nobody can foresee and while somebody who \
         decides hits is signed in. 0: only those that people begin.",
        "0",
        "0 to 50",
    ),
    e("drills.minutes", "Minutes within which a drill takes answers.", "10", "1 to 60"),
    e(
        "alarms.same_plate",
        "How many questions of one person about one plate in a month raise an alarm for the auditors, and as \
         many more another one. It stops nobody.",
        "5",
        "2 to 1000",
    ),
    e(
        "alarms.questions_a_day",
        "More questions of one person on a day than this, and than three times what is usual for them, raise \
         an alarm.",
        "30",
        "2 to 1000",
    ),
    e(
        "alarms.without_outcome",
        "How many questions of one person of which nobody said within two weeks what came of them raise an \
         alarm.",
        "5",
        "2 to 1000",
    ),
    e(
        "reasons.vague",
        "Words that say nothing: a reason that consists of such words and digits counts as none.",
        "investigation, police, business and more",
        "words",
    ),
    e(
        "reasons.topics",
        "Words by topic. A question whose reason has one is refused, unless its purpose is that topic; a topic \
         that is no purpose is refused under every purpose.",
        "words of immigration-enforcement, protected-health and assembly",
        "topic = [words]",
    ),
    e(
        "store.engine",
        "What keeps reads and control data. Changing it moves nothing: the new store is empty.",
        "sqlite",
        "sqlite (files in the folder store) or postgres",
    ),
    e(
        "store.url",
        "The PostgreSQL server: a socket's folder, or this machine; one elsewhere through an encrypted \
         tunnel. A user without a password (peer) is best. The log's hash of the file leaves it out.",
        "none",
        "for instance: host=/run/postgresql dbname=city user=homeplate",
    ),
    e(
        "store.schema",
        "The PostgreSQL schema of the control data; hot list and days have schemas beside it.",
        "homeplate",
        "1 to 40 of a-z, 0-9 and _, a letter first",
    ),
    e(
        "pictures.place",
        "What keeps sealed pictures. To change it, stop the server, copy all of the old place to the new \
         one, then change this; a place without the pictures is refused.",
        "folder",
        "folder or s3",
    ),
    e(
        "pictures.folder",
        "The folder of the pictures, where a folder keeps them.",
        "pictures",
        "a path, from the data folder or from the root",
    ),
    e(
        "pictures.endpoint",
        "Address of the S3-compatible service; without one it is AWS.",
        "none",
        "https://…, or http:// on this machine",
    ),
    e(
        "pictures.region",
        "The region that requests to the service are signed for; many services take any.",
        "us-east-1",
        "the service's name of a region",
    ),
    e("pictures.bucket", "The bucket of the pictures.", "none", "a bucket that is there"),
    e(
        "pictures.prefix",
        "What the names of all objects begin with; each city needs its own.",
        "none",
        "names with / between",
    ),
    e(
        "pictures.credentials",
        "The file that holds key_id and secret for the service, its owner's alone (mode 0600). It must \
         list, read, write and remove objects.",
        "none",
        "a path, from the data folder or from the root",
    ),
    e(
        "copy.to",
        "The second place, for the day on which the server dies: log, control data and the folder's small files go there as they change, sealed to the key on paper (`homeplate custody shares`).",
        "none: nothing is copied",
        "file:/a/folder (another disk, a mounted share, sshfs) or s3:bucket/prefix",
    ),
    e("copy.endpoint", "Address of the S3 service.", "none: AWS", "https:// and a name"),
    e(
        "copy.region",
        "The region that requests to the bucket are signed for.",
        "us-east-1",
        "a region's name",
    ),
    e(
        "copy.credentials",
        "The file with key_id and secret of the bucket, mode 0600.",
        "none",
        "a path, from the data folder or from the root",
    ),
    e(
        "copy.reads",
        "How often reads and their pictures are copied. What came since is what cameras send again after the server died.",
        "hourly",
        "hourly, daily or never",
    ),
    e(
        "copy.lists",
        "Whether the hot lists are in the copy. They spell plates; the copy is sealed. Without them each list must be imported again.",
        "true",
        "true or false",
    ),
    e(
        "copy.every_s",
        "How often changes are sent, in seconds: so much of log and control data can be lost, and what the sending takes.",
        "2",
        "1 to 5",
    ),
    e(
        "copy.keep_hours",
        "How long an older state of the copy is kept. What the city deletes is gone there after this and at most four hours.",
        "24",
        "1 to the hours of retention.reads_days",
    ),
    e(
        "console.confirm",
        "Which questions of the console their asker signs with a passkey; the signature is kept in the private \
         half of the log's entry. Sensitive are look-alikes and patterns, more than 3 plates, more than 7 \
         days, on behalf of others, under an authority, and with a life in danger. Who has no passkey cannot \
         ask these at the console. Programs sign every request anyway.",
        "sensitive",
        "never, sensitive or always",
    ),
    e(
        "map.streets",
        "The streets of the city for the map of the cameras: a PMTiles file of vector tiles. Without it outlines of \
         states and your own layers are drawn.",
        "none",
        "a path, from the data folder or from the root",
    ),
    e(
        "map.attribution",
        "Whom the streets are from, as their licence wants it said beside the map.",
        "none",
        "a line",
    ),
    e(
        "map.layer",
        "[[map.layer]] draws a GeoJSON `file` (precincts, school zones) on the map under its `name`.",
        "none",
        "may stand more than once; file = a path, from the data folder or from the root",
    ),
    e(
        "deliver.give_up_hours",
        "A message that does not go out is tried again for so many hours, ever more rarely; then the server's log says \
         that it was given up.",
        "12",
        "1 to 168",
    ),
    e(
        "deliver.escalate",
        "Who is told when a hit is raised and nobody who may decide it is signed in, and when nobody decides in time.",
        "[]",
        "people as per_ann, roles as supervisor, e-mail addresses",
    ),
    e(
        "deliver.language",
        "The language of mail to addresses that are nobody's of the city; people choose theirs at the console.",
        "en",
        "en or es",
    ),
    e(
        "deliver.push_contact",
        "Whom the push services of browsers' makers ask when something is wrong. Without it there is no web push; with \
         it those services see when the city sends to whom, and not what.",
        "none",
        "mailto: and an address, or an https address",
    ),
    e(
        "deliver.smtp_host",
        "The mail server. Without it there is no e-mail.",
        "none",
        "a host's name",
    ),
    e("deliver.smtp_port", "The mail server's port.", "587", "a port"),
    e(
        "deliver.smtp_tls",
        "How the connection to the mail server is kept secret: TLS after a beginning in the clear (port 587), TLS from \
         the first byte (port 465), or none, to this machine alone.",
        "starttls",
        "starttls, tls or none",
    ),
    e("deliver.smtp_from", "Whom mail is from.", "none", "an address, or: Name <address>"),
    e(
        "deliver.smtp_credentials",
        "Where name and password at the mail server are, a line each.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "upkeep.tell",
        "Who is told by e-mail when something of the system itself is wrong (guide/operate.md), once when it begins and \
         once when it is over.",
        "none: nobody",
        "people (per_…), roles, e-mail addresses",
    ),
    e(
        "upkeep.weekly",
        "Whether they are told every Monday at eight how the week was.",
        "true",
        "true or false",
    ),
    e(
        "upkeep.quiet_hours",
        "After so many hours without a vehicle, in hours in which it usually reads some, a camera is told of.",
        "2",
        "0 to 24; 0 is never",
    ),
    e(
        "upkeep.certificate_days",
        "So many days before its end a certificate that should have been renewed is told of.",
        "14",
        "1 to 90",
    ),
    e(
        "upkeep.backup_file",
        "A file that the program that makes backups touches each time it is done.",
        "none: nobody is told of backups",
        "a path, from the data folder or from the root",
    ),
    e(
        "upkeep.backup_hours",
        "After so many hours without that a backup is late.",
        "26",
        "1 to 2000",
    ),
    e(
        "upkeep.thin_percent",
        "When the disk of the pictures is so full, of four reads one keeps its picture, and every hit. It is undone by \
         itself three points below.",
        "85",
        "10 to 98, below upkeep.bare_percent",
    ),
    e(
        "upkeep.bare_percent",
        "When it is so full, reads are kept without pictures, but for those of hits; likewise.",
        "95",
        "11 to 99",
    ),
    e(
        "webhook.name",
        "What the receiver is called; [[webhook]] may stand more than once. Under another name it is another one: what \
         waits for the old one is sent no more.",
        "none",
        "1 to 40 of a-z, 0-9 and -",
    ),
    e(
        "webhook.url",
        "Where the receiver takes messages.",
        "none",
        "https://…; http:// only with webhook.allow_local",
    ),
    e(
        "webhook.secret",
        "Where the secret is that messages are signed with: whsec_ and 24 to 64 random bytes in base64.",
        "none",
        "credential:NAME (of the service), or a path to a file of the owner's alone",
    ),
    e(
        "webhook.allow_local",
        "Whether the receiver is this machine, or one of a private network of the city. Otherwise such addresses are \
         refused, whatever its name leads to.",
        "none: false",
        "true or false",
    ),
];

const fn e(
    key: &'static str,
    meaning: &'static str,
    default: &'static str,
    allowed: &'static str,
) -> Explained {
    Explained { key, meaning, default, allowed }
}

#[cfg(test)]
mod tests;
