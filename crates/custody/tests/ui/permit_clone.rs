//! A permit cannot be copied: one question, one permit.
fn copy(permit: custody::Permit) -> (custody::Permit, custody::Permit) {
    (permit.clone(), permit)
}

fn main() {}
