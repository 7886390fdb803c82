//! A proxy in front of a server that loses chosen answers (PostgreSQL's to COMMIT, JetStream's acknowledgements), and whole connections
//! when it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chance::Chance;

/// Which answers are lost, and how.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// PostgreSQL committed, and the connection ends before it can say so.
    CommitReply,
    /// PostgreSQL committed, and from then on the connection is silent in both directions, without an end.
    CommitSilence,
    /// JetStream stored, and its acknowledgement is swallowed; the connection goes on.
    StreamAck,
    /// JetStream stored, and the connection ends before it can say so.
    StreamAckWithConnection,
}

/// A running proxy; it and its connections end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    loss: Loss,
    one_in: AtomicU64,
    chance: Mutex<Chance>,
    seen: AtomicU64,
    lost: AtomicU64,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
}

impl Shared {
    fn loses_this(&self) -> bool {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let one_in = self.one_in.load(Ordering::SeqCst);
        let lost = one_in > 0
            && self
                .chance
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .one_in(one_in);
        self.lost.fetch_add(u64::from(lost), Ordering::SeqCst);
        lost
    }
}

impl Proxy {
    /// A proxy on a free port that loses nothing until `lose_one_in`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: SocketAddr, loss: Loss) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            loss,
            one_in: AtomicU64::new(0),
            chance: Mutex::new(Chance::seeded()),
            seen: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on one in `n` answers is lost; 0: none.
    pub fn lose_one_in(&self, n: u64) {
        self.shared.one_in.store(n, Ordering::SeqCst);
    }

    /// Ends every connection there is; new ones are taken.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many answers were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// How many answers of the kind came by, lost or not.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.shared.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // The set ends its tasks when this one is aborted.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let mut cuts = shared.cuts.subscribe();
        connections.spawn(async move {
            let both_ways = async {
                // An end on either side ends both: that is what a connection is.
                if let Ok(server) = TcpStream::connect(shared.upstream).await {
                    let _ = connection(client, server, &shared).await;
                }
            };
            tokio::select! {
                () = both_ways => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn connection(client: TcpStream, server: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_server)
            .await
            .map(|_| ())
    };
    let down = async {
        let mut filter = Filter::new(shared);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            let mut out = Vec::with_capacity(count);
            let after = filter.pass(&buffer[..count], &mut out);
            to_client.write_all(&out).await?;
            match after {
                After::GoOn => {}
                After::End => return Ok(()),
                After::Silence => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        result = up => result,
        result = down => result,
    }
}

enum After {
    GoOn,
    End,
    Silence,
}

/// Understands just enough of what a server says to know one answer from another.
struct Filter<'a> {
    shared: &'a Shared,
    waiting: Vec<u8>,
    greeted: bool,
}

impl<'a> Filter<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            waiting: Vec::new(),
            greeted: false,
        }
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> After {
        self.waiting.extend_from_slice(bytes);
        let mut at = 0;
        let after = loop {
            let rest = &self.waiting[at..];
            let length = match self.shared.loss {
                // The answer to the wish for TLS is one byte without a length.
                Loss::CommitReply | Loss::CommitSilence if !self.greeted && rest.first() == Some(&b'N') => {
                    self.greeted = true;
                    Some(1)
                }
                Loss::CommitReply | Loss::CommitSilence => postgres_message(rest),
                Loss::StreamAck | Loss::StreamAckWithConnection => nats_message(rest),
            };
            let Some(message) = length.and_then(|length| rest.get(..length)) else {
                break After::GoOn;
            };
            let chosen = match self.shared.loss {
                Loss::CommitReply | Loss::CommitSilence => {
                    message.starts_with(b"C") && message.ends_with(b"COMMIT\0")
                }
                Loss::StreamAck | Loss::StreamAckWithConnection => {
                    (message.starts_with(b"MSG ") || message.starts_with(b"HMSG "))
                        && contains(message, br#""stream":"EVENTS""#)
                        && contains(message, br#""seq":"#)
                        && !contains(message, br#""type":"#)
                }
            };
            at += message.len();
            if !(chosen && self.shared.loses_this()) {
                out.extend_from_slice(message);
                continue;
            }
            match self.shared.loss {
                Loss::StreamAck => {}
                Loss::CommitReply | Loss::StreamAckWithConnection => break After::End,
                Loss::CommitSilence => break After::Silence,
            }
        };
        self.waiting.drain(..at);
        after
    }
}

/// Length of the message at the front: a type, then a length that counts itself.
fn postgres_message(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(1..5)?.try_into().ok()?;
    Some(1 + u32::from_be_bytes(length) as usize)
}

/// Length of the message at the front: a line, and after MSG and HMSG as many bytes as its last word says.
fn nats_message(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|it| it == b"\r\n")?;
    let payload = if bytes.starts_with(b"MSG ") || bytes.starts_with(b"HMSG ") {
        let words = std::str::from_utf8(&bytes[..line]).ok()?;
        words.rsplit(' ').next()?.parse::<usize>().ok()? + 2
    } else {
        0
    };
    Some(line + 2 + payload)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}
