//! Generates the parser from `grammar/`.

fn main() {
    println!("cargo:rerun-if-changed=grammar");
}
