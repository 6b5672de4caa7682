//! Nobody makes a permit but custody: there is no constructor and no default.
fn make() -> (custody::Permit, custody::Permit) {
    (custody::Permit::new(), custody::Permit::default())
}

fn main() {}
