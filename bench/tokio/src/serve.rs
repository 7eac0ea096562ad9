// SPDX-License-Identifier: MIT

//! Servers as a program on Tokio has them: a task for each client. TLS is OpenSSL's, as it is hoop's, not rustls'.

use std::future::Future;
use std::pin::Pin;

use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslFiletype, SslMethod};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener};
use tokio_openssl::SslStream;

use crate::machine::new_runtime;

const SERVE_BACKLOG: u32 = 1024;
const SERVE_BUFFER: usize = 16384;
const SINK_BUFFER: usize = 65536;
const DATAGRAM_BUFFER: usize = 2048;

pub const KINDS: &[&str] = &["tcp", "unix", "tls", "udp", "sink"];

pub fn serve(words: &[String]) {
    let (kind, arguments) = words.split_first().expect("usage: PROGRAM serve KIND ADDRESS ...");
    new_runtime().block_on(async {
        match kind.as_str() {
            "tcp" => serve_tcp(&arguments[0], echo).await,
            "unix" => serve_unix(&arguments[0]).await,
            "tls" => serve_tls(&arguments[0], &arguments[1], &arguments[2]).await,
            "udp" => serve_udp(&arguments[0]).await,
            "sink" => serve_tcp(&arguments[0], sink).await,
            _ => panic!("no such kind"),
        }
    });
}

fn local(port: &str) -> String {
    format!("127.0.0.1:{port}")
}

fn listen(port: &str) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(local(port).parse().expect("an address")).expect("bind");
    socket.listen(SERVE_BACKLOG).expect("listen")
}

async fn serve_tcp<F: Future<Output = ()> + 'static + Send>(port: &str, serve_client: fn(TcpStream) -> F) {
    let listener = listen(port);
    println!("ready");
    loop {
        let (client, _) = listener.accept().await.expect("accept");
        client.set_nodelay(true).expect("an option");
        tokio::spawn(serve_client(client));
    }
}

async fn serve_unix(path: &str) {
    let listener = UnixListener::bind(path).expect("bind");
    println!("ready");
    loop {
        let (client, _) = listener.accept().await.expect("accept");
        tokio::spawn(echo(client));
    }
}

async fn serve_tls(port: &str, certificate: &str, key: &str) {
    let mut acceptor = SslAcceptor::mozilla_modern_v5(SslMethod::tls()).expect("a context");
    acceptor.set_certificate_chain_file(certificate).expect("a certificate");
    acceptor.set_private_key_file(key, SslFiletype::PEM).expect("a key");
    let context = acceptor.build().into_context();
    let listener = listen(port);
    println!("ready");
    loop {
        let (client, _) = listener.accept().await.expect("accept");
        client.set_nodelay(true).expect("an option");
        tokio::spawn(echo_tls(context.clone(), client));
    }
}

async fn echo_tls(context: SslContext, client: TcpStream) {
    let ssl = Ssl::new(&context).expect("memory");
    let mut stream = SslStream::new(ssl, client).expect("memory");
    if Pin::new(&mut stream).accept().await.is_ok() {
        echo(stream).await;
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut client: S) {
    let mut buffer = vec![0; SERVE_BUFFER];
    while let Ok(size) = client.read(&mut buffer).await {
        if size == 0 || client.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}

async fn sink(mut client: TcpStream) {
    let mut buffer = vec![0; SINK_BUFFER];
    while matches!(client.read(&mut buffer).await, Ok(size) if size > 0) {}
}

async fn serve_udp(port: &str) {
    let socket = UdpSocket::bind(local(port)).await.expect("bind");
    println!("ready");
    let mut buffer = [0; DATAGRAM_BUFFER];
    loop {
        if let Ok((size, from)) = socket.recv_from(&mut buffer).await {
            // What has no room waits until it has.
            let _ = socket.send_to(&buffer[..size], from).await;
        }
    }
}
