use hookgate::{source::Source, syntax::*};
fn main() {
    let mut s = String::new();
    for arg in std::env::args().skip(1) {
        let src = if arg == "-" {
            std::io::Read::read_to_string(&mut std::io::stdin(), &mut s).unwrap();
            s.clone()
        } else {
            arg
        };
        match parse(Source::new("rule", src), SyntaxLimits::default()) {
            Ok(p) => {
                let t = p.tree.shape(p.tree.root());
                println!("{}", &t[..t.len().min(400)])
            }
            Err(d) => print!(
                "{}",
                hookgate::diagnostic::render(&d.source, &d.list, hookgate::diagnostic::Colour::Off)
            ),
        }
    }
}
