//! Names, asked for by pods.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use edge::dns::{Dns, DnsSettings};
use hickory_proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::A},
};
use planning::routing::{
    Frontend, Protocol,
    dns::{Names, Sort},
};
use serde_json::json;

use crate::{
    cluster::{Cluster, Lab, host_address, service_address},
    namespace::Namespace,
};

const ASKED: Ipv4Addr = Ipv4Addr::new(10, 43, 0, 10);
const ANSWERS: Ipv4Addr = Ipv4Addr::new(169, 254, 42, 1);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

/// A name server of the world: everything is at [`OUTSIDE`], and `big.` only by connections.
fn serve_the_world(space: &Namespace) {
    let (datagrams, connections) = space.inside(|| {
        (UdpSocket::bind("0.0.0.0:53").unwrap(), TcpListener::bind("0.0.0.0:53").unwrap())
    });
    let answer = |bytes: &[u8], is_datagram: bool| {
        let mut message = Message::from_vec(bytes).unwrap();
        message.metadata.message_type = MessageType::Response;
        let name = message.queries[0].name().clone();
        if is_datagram && name.to_ascii().starts_with("big.") {
            message.metadata.truncation = true;
        } else {
            message.add_answer(Record::from_rdata(name, 60, RData::A(A(OUTSIDE))));
        }
        message.to_vec().unwrap()
    };
    thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((length, client)) = datagrams.recv_from(&mut bytes) {
            datagrams.send_to(&answer(&bytes[..length], true), client).unwrap();
        }
    });
    thread::spawn(move || {
        for mut stream in connections.incoming().flatten() {
            let query = read_framed(&mut stream);
            write_framed(&mut stream, &answer(&query, false));
        }
    });
}

fn read_framed(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn write_framed(stream: &mut TcpStream, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, bytes].concat()).unwrap();
}

/// Runs a name server on host 1 in the background, until the test ends.
fn serve_names(lab: &Lab, cluster: &Cluster) -> PathBuf {
    let resolv_conf = std::env::temp_dir().join(format!("edge-resolv-{}", lab.host(1).pid()));
    fs::write(&resolv_conf, format!("nameserver {ASKED}\nnameserver {}\n", host_address(3)))
        .unwrap();
    lab.host(1).ip(&format!("address add {ANSWERS}/32 dev lo scope host"));
    let (world, table) = (cluster.world(), cluster.table(1));
    let mut programmed = table.clone();
    let resolve = Arc::new(move |name: &str, sort: Sort| {
        Names { world: &world, table: &table, domain: "cluster.local" }.resolve(name, sort)
    });
    let settings = DnsSettings {
        domain: "cluster.local".into(),
        cluster_address: ASKED,
        resolv_conf: resolv_conf.clone(),
    };
    let (sender, listens) = mpsc::channel();
    let pid = lab.host(1).pid();
    thread::spawn(move || {
        crate::namespace::enter(pid);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let dns = Dns::bind(ANSWERS, settings, resolve).await.unwrap();
            sender.send(dns.addresses().unwrap()).unwrap();
            dns.serve().await;
        });
    });
    let addresses = listens.recv().unwrap();
    for (protocol, address) in [Protocol::Udp, Protocol::Tcp].into_iter().zip(addresses) {
        programmed.answer(Frontend::new(ASKED, protocol, 53), address);
    }
    lab.program(1, &programmed);
    resolv_conf
}

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

fn ask(client: &Namespace, name: &str, kind: RecordType) -> Message {
    let socket = client.inside(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket.send_to(&query(name, kind), (ASKED, 53)).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    Message::from_vec(&bytes[..length]).unwrap()
}

fn ask_by_connection(client: &Namespace, names: &[&str], kind: RecordType) -> Vec<Message> {
    let mut stream = client.inside(|| TcpStream::connect((ASKED, 53)).unwrap());
    let mut ask = |name: &&str| {
        write_framed(&mut stream, &query(name, kind));
        Message::from_vec(&read_framed(&mut stream)).unwrap()
    };
    names.iter().map(&mut ask).collect()
}

fn addresses(message: &Message) -> Vec<Ipv4Addr> {
    let of = |record: &Record| match &record.data {
        RData::A(A(address)) => Some(*address),
        _ => None,
    };
    message.answers.iter().filter_map(of).collect()
}

#[test]
fn pods_and_hosts_ask_their_node_for_names() {
    let lab = Lab::new();
    let pod = lab.pod(1, 2);
    serve_the_world(lab.host(3));
    let mut cluster = Cluster::default();
    cluster.service(1, "TCP", &json!({}));
    cluster.service(
        2,
        "TCP",
        &json!({"type": "ExternalName", "externalName": "big.example.org",
        "clusterIP": ""}),
    );
    cluster.service(3, "TCP", &json!({"clusterIP": "None"}));
    let many: Vec<(u8, u8)> = (1..=200).map(|pod| (1, pod)).collect();
    cluster.endpoints(3, "TCP", &many);
    let resolv_conf = serve_names(&lab, &cluster);

    let told = pod.run(&format!("busybox nslookup s1.d.svc.cluster.local {ASKED}"));
    assert!(told.contains("Address: 10.43.0.1"), "{told}");
    for client in [&pod, lab.host(1)] {
        let answer = ask(client, "S1.d.svc.cluster.local.", RecordType::A);
        assert_eq!(addresses(&answer), [service_address(1)]);
        assert!(answer.metadata.authoritative && answer.metadata.recursion_available);
        assert_eq!(answer.answers[0].name.to_ascii(), "S1.d.svc.cluster.local.");
    }
    let none = ask(&pod, "s1.d.svc.cluster.local.", RecordType::AAAA);
    assert_eq!(none.metadata.response_code, ResponseCode::NoError, "it exists, without IPv6");
    assert_eq!((none.answers.len(), none.authorities.len()), (0, 1));
    let unknown = ask(&pod, "nope.d.svc.cluster.local.", RecordType::A);
    assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(unknown.authorities.len(), 1, "says how long that may be kept");

    assert_eq!(addresses(&ask(&pod, "example.org.", RecordType::A)), [OUTSIDE]);
    let alias = ask(&pod, "s2.d.svc.cluster.local.", RecordType::A);
    assert_eq!(alias.answers[0].record_type(), RecordType::CNAME);
    assert_eq!(addresses(&alias), [OUTSIDE], "the alias is followed, by a connection if need be");
    assert!(ask(&pod, "big.example.org.", RecordType::A).metadata.truncation);

    let headless = "s3.d.svc.cluster.local.";
    assert!(ask(&pod, headless, RecordType::A).metadata.truncation, "too many for a datagram");
    let answers = ask_by_connection(&pod, &[headless, headless, "big.example.org."], RecordType::A);
    assert_eq!(addresses(&answers[0]).len(), 200);
    assert_ne!(addresses(&answers[0])[0], addresses(&answers[1])[0], "in turn");
    assert_eq!(addresses(&answers[2]), [OUTSIDE]);

    fs::write(&resolv_conf, "").unwrap();
    let failed = ask(&pod, "example.org.", RecordType::A);
    assert_eq!(failed.metadata.response_code, ResponseCode::ServFail);
    fs::remove_file(resolv_conf).unwrap();
}

#[test]
fn garbage_gets_no_answer_or_a_format_error() {
    let lab = Lab::new();
    let resolv_conf = serve_names(&lab, &Cluster::default());
    let socket = lab.on(1, || UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.connect((ASKED, 53)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut response = query("example.org.", RecordType::A);
    response[2] |= 0x80;
    for garbage in [&b""[..], b"\x01", b"\x01\x02\x03", &[0xff; 40], &response] {
        socket.send(garbage).unwrap();
    }
    // No question at all, with an id.
    socket.send(&[7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut bytes = [0; 512];
    let length = socket.recv(&mut bytes).unwrap();
    let answer = Message::from_vec(&bytes[..length]).unwrap();
    assert_eq!(answer.metadata.id, 0x0707, "nothing before it was answered");
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
    fs::remove_file(resolv_conf).ok();
}
