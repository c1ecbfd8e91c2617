use hookgate::{engine::*, value::read_json};
fn main() {
    let mut args = std::env::args().skip(1);
    let ctx = read_json(args.next().unwrap().as_bytes()).unwrap();
    let mut secrets = Secrets::default();
    secrets.add("NAME", "s3");
    secrets.add("ZOOM_WEBHOOK_SECRET", "zoom");
    let mut context = Context::of(&ctx);
    context.set_secrets(&secrets);
    let t = Time::from_epoch(Number::Int(1755648000)).unwrap();
    context.set_now(t);
    let e = Engine::for_requests().strangers(Strangers::Taken);
    for src in args {
        match e.check(Source::new("rule", src.clone())) {
            Err(d) => print!(
                "{}",
                hookgate::diagnostic::render(&d.source, &d.list, hookgate::diagnostic::Colour::Off)
            ),
            Ok(c) => {
                print!(
                    "{}",
                    hookgate::diagnostic::render(
                        &c.parsed.source,
                        &c.warnings,
                        hookgate::diagnostic::Colour::Off
                    )
                );
                let p = e.lower(&c, true, false).unwrap().program;
                if std::env::var("L").is_ok() {
                    println!("{}", p.listing());
                }
                match p.eval(&context) {
                    Ok(v) => println!("{src}  =>  {v}"),
                    Err(t) => println!(
                        "{src} => {}",
                        hookgate::diagnostic::render(
                            &c.parsed.source,
                            &[t.diagnostic()],
                            hookgate::diagnostic::Colour::Off
                        )
                    ),
                }
            }
        }
    }
}
