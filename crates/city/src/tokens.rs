//! Machine tokens: for programs of others that cannot sign, a few actions and an end.
//!
//! A machine acts under an id of its own and stands on the log under its token's. What it may is checked each
//! time: the token is good, the action is in its scope, and its maker may do the same by the city's rules.

use crate::City;
use crate::devices::NAME_MAX;
use base::{Error, PersonId, Result, Time, TokenId};
use identity::{MachineToken, Person, machine_id, machine_of, new_token, read_token};
use policy::{Action, Decision};
use serde::{Deserialize, Serialize};
use store::MachineRow;
use utoipa::ToSchema;

/// The most tokens that are good at a time.
const MOST: usize = 200;
/// It is noted once a minute that a token was shown.
const USED_MS: i64 = 60_000;

/// A token that is wanted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the program is.
    pub name: String,
    /// What it may do: actions as the rules spell them, for instance `ViewHits`.
    pub scope: Vec<String>,
    /// When it ends; within 366 days.
    pub expires: Time,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// Its public half.
    pub id: TokenId,
    /// The token. It is shown this once: the city keeps its hash alone.
    pub token: String,
}

/// A token in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenLine {
    /// Its public half.
    pub id: TokenId,
    /// What the program is.
    pub name: String,
    /// What it may do.
    pub scope: Vec<String>,
    /// Who made it.
    pub by: PersonId,
    /// When.
    pub made: Time,
    /// When it ends.
    pub expires: Time,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
    /// When it was last shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Time>,
}

fn read(row: &MachineRow) -> Result<MachineToken> {
    serde_json::from_str(&row.json)
        .map_err(|e| Error::internal("A stored token is damaged; see the log.").because(e))
}

fn not_good() -> Error {
    Error::unauthenticated("The token is unknown, revoked or at its end; have a new one made.")
}

/// The actions that a machine may be given, as the rules spell them.
pub fn machine_actions() -> impl Iterator<Item = &'static str> {
    Action::ALL.into_iter().filter(|action| action.machines_may()).map(Action::name)
}

impl City {
    fn put_token(&self, token: &MachineToken, hash: [u8; 32]) -> Result<()> {
        let json = serde_json::to_string(token)
            .map_err(|e| Error::internal("The token cannot be stored.").because(e))?;
        self.store.put_machine(&MachineRow { id: token.id.clone(), hash, used: None, json })
    }

    /// Makes a token. It may do no more than whoever makes it.
    pub fn new_token(&self, by: &PersonId, new: NewToken) -> Result<MadeToken> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let now = self.now();
        if !(1..=NAME_MAX).contains(&new.name.trim().chars().count()) || new.scope.is_empty() {
            return Err(Error::invalid(
                "A token has a name, and at least one action in its scope.",
            ));
        }
        MachineToken::may_last(now, new.expires)?;
        for name in &new.scope {
            let action = Action::named(name).filter(|action| action.machines_may());
            let action = action.ok_or_else(|| {
                let known: Vec<&str> = machine_actions().collect();
                Error::invalid(format!("A machine may do {}, and nothing else.", known.join(", ")))
            })?;
            self.allowed(by, action)?;
        }
        let good = |row: &MachineRow| read(row).is_ok_and(|token| token.is_good(now));
        if self.store.machines()?.iter().filter(|row| good(row)).count() >= MOST {
            return Err(Error::conflict("There are 200 tokens already; revoke those in no use."));
        }
        let (id, text, hash) = new_token();
        let token = MachineToken {
            id: id.clone(),
            name: new.name.trim().to_owned(),
            scope: new.scope,
            by: by.clone(),
            made: now,
            expires: new.expires,
            revoked: None,
        };
        let leaf = self.leaf_by("admin.token", &admin)?.id(id.as_str()).fact("change", "made");
        self.log.append(
            &leaf.fact("scope", token.scope.join(" ")).fact("expires", token.expires.to_string()),
        )?;
        self.put_token(&token, hash)?;
        Ok(MadeToken { id, token: text.expose().clone() })
    }

    /// Every token, for administrators.
    pub fn tokens(&self, by: &PersonId) -> Result<Vec<TokenLine>> {
        self.allowed(by, Action::AddPerson)?;
        let line = |row: MachineRow| {
            let t = read(&row)?;
            Ok(TokenLine {
                id: t.id,
                name: t.name,
                scope: t.scope,
                by: t.by,
                made: t.made,
                expires: t.expires,
                revoked: t.revoked,
                used: row.used,
            })
        };
        self.store.machines()?.into_iter().map(line).collect()
    }

    /// Ends a token at once.
    pub fn revoke_token(&self, by: &PersonId, id: &TokenId) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let unknown =
            || Error::not_found("There is no such token; `homeplate token list` has them.");
        let row = self.store.machine(id)?.ok_or_else(unknown)?;
        self.end_token(&row, Some(&admin))?;
        Ok(())
    }

    /// Ends a token for good: before the log hears of it, so that it opens nothing meanwhile.
    fn end_token(&self, row: &MachineRow, by: Option<&Person>) -> Result<bool> {
        let mut token = read(row)?;
        if token.revoked.is_some() {
            return Ok(false);
        }
        token.revoked = Some(self.now());
        self.put_token(&token, row.hash)?;
        let leaf = match by {
            Some(by) => self.leaf_by("admin.token", by)?,
            None => self.leaf("admin.token").by("root"),
        };
        self.log.append(&leaf.id(row.id.as_str()).fact("change", "revoked"))?;
        Ok(true)
    }

    /// Ends every token that a person made; `by` is nobody of the city where root does it.
    pub(crate) fn revoke_tokens_of(
        &self,
        person: &PersonId,
        by: Option<&Person>,
    ) -> Result<Vec<TokenId>> {
        let mut ended = Vec::new();
        for row in self.store.machines()? {
            if read(&row)?.by == *person && self.end_token(&row, by)? {
                ended.push(row.id);
            }
        }
        Ok(ended)
    }

    /// The id under which the machine that shows this token acts.
    pub fn machine(&self, text: &str) -> Result<PersonId> {
        let (id, hash) = read_token(text).ok_or_else(not_good)?;
        let row = self.store.machine(&id)?.filter(|row| row.hash == hash).ok_or_else(not_good)?;
        let now = self.now();
        if !read(&row)?.is_good(now) {
            return Err(not_good());
        }
        if row.used.is_none_or(|at| now.since(at).abs() >= USED_MS) {
            self.store.machine_used(&id, now)?;
        }
        machine_id(&id)
    }

    /// What a machine's id stands for, where it is one: it has no role, and [`City::machine_may`] decides.
    pub(crate) fn as_machine(&self, id: &PersonId) -> Result<Option<Person>> {
        let Some(token) = machine_of(id) else { return Ok(None) };
        let row = self.store.machine(&token)?.ok_or_else(not_good)?;
        Ok(Some(Person {
            id: id.clone(),
            name: read(&row)?.name,
            office: "machine".into(),
            roles: Vec::new(),
            key: None,
            passkeys: Vec::new(),
            directory: None,
            ended: None,
        }))
    }

    /// Whether a machine may do this now.
    pub(crate) fn machine_may(&self, token: &TokenId, action: Action) -> Result<()> {
        let row = self.store.machine(token)?.ok_or_else(not_good)?;
        let token = read(&row)?;
        if !token.is_good(self.now()) {
            return Err(not_good());
        }
        if !action.machines_may() || !token.covers(action.name()) {
            return Err(Error::forbidden("This token's scope does not have this; see its list."));
        }
        let maker = self.person(&token.by)?;
        match self.rules().may(&maker.id, &maker.roles, action, self.now()) {
            Decision::Refuse { because, .. } => Err(Error::forbidden(because)),
            Decision::Allow { .. } | Decision::Narrow { .. } => Ok(()),
        }
    }
}
