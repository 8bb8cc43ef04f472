//! Where an endpoint listens: an address with a port, or a Unix domain socket.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use trilith_wire::Listener;

use crate::spec::ListenForm;

/// Connections that the system keeps until they are accepted: room for a burst of every client at once.
const BACKLOG: i32 = 4096;
/// What begins the address of a Unix domain socket.
const UNIX: &str = "unix:";
/// Owner and group may connect: the usual umask would let the owner alone, and nobody else is asked for.
const SOCKET_MODE: u32 = 0o660;

/// A socket that is listened on. One with a file takes the file with it.
pub(crate) enum Door {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

impl Door {
    /// Listens.
    pub(crate) fn open(form: &ListenForm) -> PyResult<Self> {
        match form.address.strip_prefix(UNIX) {
            Some(path) => {
                let path = Path::new(path);
                listen_at(path, form.socket_mode.unwrap_or(SOCKET_MODE))
                    .map_err(|error| failure(&path.display().to_string(), &error))
            }
            None => bind(form).map(Self::Tcp),
        }
    }

    /// The port; 0 where there is none.
    pub(crate) fn port(&self) -> io::Result<u16> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.port()),
            Self::Unix { .. } => Ok(0),
        }
    }

    /// The same socket once more, for the event loop that is entered.
    pub(crate) fn share(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(listener) => Ok(tokio::net::TcpListener::from_std(listener.try_clone()?)?.into()),
            Self::Unix { listener, .. } => {
                Ok(tokio::net::UnixListener::from_std(listener.try_clone()?)?.into())
            }
        }
    }
}

fn failure(place: &str, error: &io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), format!("cannot listen on {place}: {error}")))
}

/// Listens on the first address that the name stands for and that can be listened on.
fn bind(form: &ListenForm) -> PyResult<TcpListener> {
    let place = format!("{}:{}", form.address, form.port);
    let addresses = (form.address.trim_matches(['[', ']']), form.port)
        .to_socket_addrs()
        .map_err(|error| PyOSError::new_err((error.raw_os_error(), format!("{place}: {error}"))))?;
    let mut last = None;
    for address in addresses {
        match bind_to(address, form.reuse_port) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(failure(&place, &last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
}

fn bind_to(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn listen_at(path: &Path, mode: u32) -> io::Result<Door> {
    clear(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::at(path)?;
    // Before anybody can connect.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    Ok(Door::Unix { listener: socket.into(), _file: file })
}

/// Removes a socket that a server left behind when it was killed. Whatever else lies there stays.
fn clear(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
    }
}

/// The file of a socket that this process made.
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let identity = Self::identify(path)?;
        // Relative to where the server started, wherever it goes from there.
        Ok(Self { path: std::path::absolute(path)?, identity })
    }

    fn identify(path: &Path) -> io::Result<(u64, u64)> {
        fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have taken the place over meanwhile; its file stays.
        if Self::identify(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
