//! A soak test: valid and hostile traffic together, on a small volume, with reloads, kills and
//! pauses. No acknowledged event is lost, and memory and disk usage stay bounded.

mod hostile;
mod outcome;
mod senders;
mod volume;
mod watch;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use self::outcome::Outcome;
use self::senders::Senders;
use self::volume::Volume;
use self::watch::Watch;
use super::endpoint::{Endpoint, Mode};
use super::floods::sender::Flood;
use super::floods::target::{DELIVERY, DRAIN, Target, configure};
use super::running::{Folder, Gateway, env_number};

/// The volume, and the part of it that the gateway may use.
const VOLUME_MIB: u64 = 256;
const STORED_MIB: u64 = 192;

#[test]
fn a_soak_of_hostile_and_valid_traffic_with_kills_and_reloads_loses_no_event() {
    soak(Duration::from_secs(20));
}

#[test]
#[ignore = "takes ten minutes"]
fn measure_a_soak_of_hostile_and_valid_traffic() {
    soak(Duration::from_secs(env_number("SOAK_SECONDS", 600) as u64));
}

fn soak(time: Duration) {
    let volume = Volume::new(VOLUME_MIB);
    let (target, gateway) = Target::serve(folder(&volume));
    let failing = Endpoint::new(Mode::KeepsMost);
    target.subscribe_acme("fails at times", &failing.url());
    target.subscribe(5, &target.hanging.url());
    let (flood, senders) = (Flood::default(), Senders::new(target.senders));
    let watch = Watch::new(gateway.pid(), volume.path());
    let gateway = Mutex::new(Some(gateway));
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        scope.spawn(|| hostile::run(&target, &flood));
        scope.spawn(|| watch.run());
        let sending: Vec<_> = (0..2).map(|_| scope.spawn(|| senders.run())).collect();
        disturb(&target, &gateway, &watch, time, &mut outcome);
        senders.end();
        for one in sending {
            one.join().unwrap();
        }
        // The deliveries and the shutdown also run beside the flood.
        outcome.delivered(&senders, [&target.receiver, &failing]);
        watch.end();
        outcome.stopped(gateway.lock().unwrap().take().unwrap());
        flood.end();
    });
    outcome.stored(&senders, &volume.path().join("hookgate.db"));
    outcome.print(time, &senders, &flood, &watch);
    outcome.assert_bounds(&watch, STORED_MIB);
}

/// A folder with its store on the volume. Its ports stay the same when the gateway is restarted.
fn folder(volume: &Volume) -> Folder {
    let folder = Folder::with_listener("");
    configure(&folder, "");
    let [listen, management] = [free_port(0), free_port(1)];
    let store = volume.path().join("hookgate.db");
    folder.write(
        "hookgate.toml",
        &format!(
            "public_url = \"https://hooks.example.com\"\n\n[server]\n\
             listen = \"127.0.0.1:{listen}\"\nmanagement = \"127.0.0.1:{management}\"\n{DRAIN}\n\
             [store]\npath = \"{}\"\n\n[retention]\nbytes = {}\nrejected_bytes = 16777216\n{DELIVERY}",
            store.display(),
            STORED_MIB << 20,
        ),
    );
    folder
}

/// A port below the ephemeral ones, which another client could take during a restart.
fn free_port(which: u32) -> u16 {
    let begins = 20_000 + (std::process::id() * 2 + which) % 10_000;
    let ports = (begins..32_000).step_by(2).filter_map(|port| u16::try_from(port).ok());
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(free).unwrap()
}

/// The actions on the gateway, one after the other: kills in the first half, so that one process
/// lives through the second.
const FIRST: [Fault; 8] = [
    Fault::Reload,
    Fault::Kill,
    Fault::Stop,
    Fault::Kill,
    Fault::BadReload,
    Fault::Kill,
    Fault::Reload,
    Fault::Kill,
];
const SECOND: [Fault; 4] = [Fault::Reload, Fault::Stop, Fault::BadReload, Fault::Reload];

#[derive(Clone, Copy)]
enum Fault {
    Reload,
    BadReload,
    /// SIGKILL, and a start.
    Kill,
    /// SIGSTOP, and SIGCONT two seconds later.
    Stop,
}

fn disturb(
    target: &Target,
    gateway: &Mutex<Option<Gateway>>,
    watch: &Watch,
    time: Duration,
    outcome: &mut Outcome,
) {
    let began = Instant::now();
    // Some 16 in the short form, and one every twenty seconds in the long one.
    let number = (time.as_secs() / 20).clamp(16, 600);
    for at in 0..number {
        let due = time.mul_f64((at + 1) as f64 / (number + 1) as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let place = usize::try_from(at).unwrap();
        let fault = match at < number / 2 {
            true => FIRST[place % FIRST.len()],
            false => SECOND[place % SECOND.len()],
        };
        let mut running = gateway.lock().unwrap();
        let next = disturb_once(target, running.take().unwrap(), fault, place, outcome);
        watch.follow(next.pid());
        *running = Some(next);
    }
    std::thread::sleep(time.saturating_sub(began.elapsed()));
}

fn disturb_once(
    target: &Target,
    gateway: Gateway,
    fault: Fault,
    number: usize,
    outcome: &mut Outcome,
) -> Gateway {
    match fault {
        Fault::Reload => {
            outcome.reloads += 1;
            configure(&target.folder, &format!("\n[vars]\nnumber = {number}\n"));
        }
        Fault::BadReload => {
            outcome.bad_reloads += 1;
            configure(&target.folder, "\n[nothing]\nthat = \"is known\"\n");
        }
        Fault::Stop => {
            outcome.stops += 1;
            gateway.signal("-STOP");
            std::thread::sleep(Duration::from_secs(2));
            gateway.signal("-CONT");
        }
        Fault::Kill => {
            outcome.kills += 1;
            gateway.kill();
            configure(&target.folder, "");
            return target.folder.serve();
        }
    }
    gateway
}
