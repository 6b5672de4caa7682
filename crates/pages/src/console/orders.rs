//! Orders: what is off, what waits for signatures, and the forms to switch off and on.

use crate::page::Page;
use askama::Template;

/// Cameras that an order can name.
pub struct Reach {
    /// As the form spells it.
    pub value: String,
    /// What people call it.
    pub name: String,
    /// Whether it is a group.
    pub group: bool,
}

/// An order that waits for more signatures.
pub struct OrderWaits {
    /// `off` or `on`.
    pub power: String,
    /// `capture`, `asking`, `sharing` or `job`.
    pub level: String,
    /// Which cameras, as the form spells it.
    pub whom: String,
    /// The same as people call them; empty where it is for all.
    pub named: String,
    /// From when, as shown and exactly.
    pub from: Option<(String, String)>,
    /// Until when, as shown and exactly.
    pub until: Option<(String, String)>,
    /// Whether what cameras have not delivered is erased.
    pub erases: bool,
    /// Why.
    pub reason: String,
    /// Who has signed.
    pub by: String,
    /// How many have.
    pub have: u64,
    /// How many are needed.
    pub needed: u64,
    /// When the first signature counts no longer, as shown.
    pub lapses: String,
    /// Whether this person has signed it.
    pub mine: bool,
}

/// An order that is in force or to come.
pub struct OrderLine {
    /// Its id.
    pub id: String,
    /// Which cameras; empty where it is for all.
    pub named: String,
    /// Whether it has begun.
    pub begun: bool,
    /// From when, as shown.
    pub from: String,
    /// Until when, as shown.
    pub until: Option<String>,
    /// Whether what cameras have not delivered is erased.
    pub erases: bool,
    /// Why.
    pub reason: String,
}

/// The orders.
#[derive(Template)]
#[template(path = "orders.html")]
pub struct OrdersPage {
    /// Around it.
    pub page: Page,
    /// Cameras that are on, and off.
    pub on: u64,
    /// Cameras that are off.
    pub off: u64,
    /// What is off for the whole city, and since when, as shown.
    pub levels: Vec<(String, String)>,
    /// What waits for signatures.
    pub waiting: Vec<OrderWaits>,
    /// Orders in force and to come.
    pub orders: Vec<OrderLine>,
    /// What an order can name.
    pub reaches: Vec<Reach>,
    /// The zone of the times.
    pub zone: String,
    /// How many people must order off.
    pub off_needs: u64,
    /// How many must order on.
    pub on_needs: u64,
    /// Whether this person may order off.
    pub may_off: bool,
    /// Whether they may order on.
    pub may_on: bool,
}
