//! Leave to preserve reads is as little to be copied, printed or written down as a permit.
fn copy(permit: &custody::HoldPermit) -> custody::HoldPermit {
    permit.clone()
}

fn print(permit: &custody::HoldPermit) {
    println!("{permit:?}");
}

fn write(permit: &custody::HoldPermit) -> String {
    serde_json::to_string(permit).unwrap()
}

fn main() {}
