//! Builds again when a migration was added: the macro that embeds them can't see new files.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
