//! A permit cannot be printed into a log.
fn print(permit: &custody::Permit) {
    println!("{permit:?}");
}

fn main() {}
