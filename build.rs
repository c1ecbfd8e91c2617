//! Generates the parser from `grammar/`.

#[allow(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts where to write by the environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=grammar");
    let out = std::env::var("OUT_DIR")?;
    lalrpop::Configuration::new().set_in_dir("grammar").set_out_dir(out).process()
}
