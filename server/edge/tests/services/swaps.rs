//! Changes under load.

use std::{
    io::{self, Read, Write},
    net::{SocketAddrV4, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use edge::Programmer;
use serde_json::json;

use crate::{
    cluster::{Cluster, Lab, PORT, service_address, settings},
    namespace::Namespace,
};

const ECHO_PORT: u16 = 7;

/// Connects again and again until told to stop; how often, and which errors it met.
fn keep_connecting(client: &Namespace, stop: &AtomicBool) -> (u32, Vec<io::Error>) {
    client.inside(|| {
        let address = SocketAddrV4::new(service_address(1), PORT).into();
        let (mut connects, mut errors) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            connects += 1;
            let answer = TcpStream::connect_timeout(&address, Duration::from_secs(2))
                .and_then(|mut stream| stream.read_to_string(&mut String::new()));
            errors.extend(answer.err());
        }
        (connects, errors)
    })
}

#[test]
fn no_connection_fails_while_tables_are_swapped() {
    const SWAPS: u8 = 200;
    let lab = Lab::new();
    let pods = [lab.pod(1, 2), lab.pod(1, 3), lab.pod(1, 4), lab.pod(2, 2)];
    let mut cluster = Cluster::default();
    cluster.service(1, "TCP", &json!({}));
    cluster.service(9, "TCP", &json!({}));
    cluster.endpoints_at(9, "TCP", ECHO_PORT, &[(1, 2)]);
    let mut sets = Vec::new();
    for endpoints in [&[(1, 2)][..], &[(1, 3), (1, 4), (2, 2)], &[(2, 2), (1, 4)]] {
        cluster.endpoints(1, "TCP", endpoints);
        sets.push(cluster.table(1));
    }
    let mut programmer = lab.program(1, &sets[0]);
    let mut lasting = long_connection(&lab, &pods[0]);

    let stop = AtomicBool::new(false);
    let (from_pod, from_host) = thread::scope(|scope| {
        let from_pod = scope.spawn(|| keep_connecting(&pods[0], &stop));
        let from_host = scope.spawn(|| keep_connecting(lab.host(1), &stop));
        lab.on(1, || {
            for swap in 0..SWAPS {
                // As an agent that starts anew.
                if swap % 10 == 0 {
                    programmer = Programmer::open(settings()).unwrap();
                }
                let report = programmer.apply(&sets[usize::from(swap) % sets.len()]).unwrap();
                assert_eq!(report.is_reload, swap % 10 == 0);
                thread::yield_now();
            }
        });
        stop.store(true, Ordering::Relaxed);
        (from_pod.join().unwrap(), from_host.join().unwrap())
    });
    for (connects, errors) in [&from_pod, &from_host] {
        println!("{connects} connects during {SWAPS} swaps");
        assert!(errors.is_empty(), "{} of {connects} failed: {}", errors.len(), errors[0]);
        assert!(*connects > 20);
    }
    lasting.write_all(b"?").unwrap();
    lasting.read_exact(&mut [0]).unwrap();
}

/// A connection through service 9 to an echo in pod 1.2, open until dropped.
fn long_connection(lab: &Lab, pod: &Namespace) -> TcpStream {
    let listener = pod.inside(|| TcpListener::bind(("0.0.0.0", ECHO_PORT)).unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            stream.write_all(&byte).unwrap();
        }
    });
    lab.on(1, || TcpStream::connect((service_address(9), PORT)).unwrap())
}
