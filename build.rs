//! Generates the parser from `grammar/`, and the list of the recipes.

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts where to write by the environment, and they write files"
)]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=grammar");
    println!("cargo:rerun-if-changed={RECIPES}");
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(format!("{out}/recipes.rs"), recipes()?)?;
    lalrpop::Configuration::new().set_in_dir("grammar").set_out_dir(out).process()
}

const RECIPES: &str = "src/listener/recipes";

/// The recipes as a constant: the provider's name, and the text of its file.
fn recipes() -> Result<String, Box<dyn std::error::Error>> {
    let mut files: Vec<_> = std::fs::read_dir(RECIPES)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = std::path::absolute(&path)?;
        list.push_str(&format!("    ({name:?}, include_str!({path:?})),\n"));
    }
    list.push(']');
    Ok(list)
}
