//! The dashboard: where it listens is decided in [`plan`], what it is given of this environment in
//! [`options`], and this file carries it out.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use dashboard::{Certificate, CertificateError, Dashboard, DashboardError, TlsFiles};
use ipnet::IpNet;
use vault::{Protection, VaultKey};

use super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind, redacted};
use crate::{descriptors, time};
use plan::{Encryption, Plan};

mod browser;
mod options;
mod plan;
mod signals;
mod terminal_environment;

/// Threads that answer. What waits for disks or other servers has threads of its own.
const WORKERS: usize = 2;

/// Stack of a thread, in bytes.
const STACK: usize = 1024 * 1024;

/// How long a thread that waited for a disk or another server is kept for the next such work.
const THREAD_KEPT: Duration = Duration::from_secs(5);

/// How long, after everything else has ended, a renewal that is under way is waited for.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Serve the dashboard: accounts, and Claude Code in a terminal, in a browser
///
/// Listens on this machine only, until told otherwise, and opens the browser. --remote lets other
/// machines come, encrypted: with the certificate that is given, or with one that is made once and
/// whose fingerprint is printed. SIGTERM and Ctrl-C end it and the terminals in it; SIGHUP has it
/// read the certificate again. It takes sockets that systemd hands over.
#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = 5111, value_name = "PORT")]
    port: u16,
    /// Listen on all interfaces, encrypted
    #[arg(long)]
    remote: bool,
    /// Do not open the browser
    #[arg(long)]
    no_browser: bool,
    /// The certificate to encrypt with, in PEM, with those that lead to its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Proxies that encrypt and whose X-Forwarded-For is believed; only they and this machine may
    /// come then, unless the dashboard encrypts too
    #[arg(long, value_name = "CIDR", value_parser = network)]
    behind_proxy: Vec<IpNet>,
    /// With --remote: do not encrypt. Everybody on the way can read passwords and terminals
    #[arg(long, conflicts_with_all = ["tls_cert", "behind_proxy"])]
    insecure_http: bool,
    /// Serve the page's files from this directory, to work on the page
    #[arg(long, value_name = "DIR", hide = true)]
    web: Option<PathBuf>,
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "neither an address nor a network such as 10.0.0.0/8".to_owned())
}

pub(crate) fn run(args: &ServeArgs, context: &Context) -> Result<(), CliError> {
    let key = unlocked_key(context)?;
    // What was handed to this program is not for those that terminals start.
    descriptors::close_on_exec(|_| true);
    dashboard::raise_descriptor_limit();
    let handed_over = handed_over(context)?;
    let plan = plan::plan(args, &handed_over)?;
    let listeners = match handed_over.is_empty() {
        true => {
            dashboard::bind(&plan.addresses).map_err(|(at, error)| cannot_listen(at, &error))?
        }
        false => handed_over
            .into_iter()
            .map(|(listener, _)| listener)
            .collect(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_stack_size(STACK)
        .thread_keep_alive(THREAD_KEPT)
        .thread_name("dashboard")
        .enable_all()
        .build()
        .map_err(|error| internal(&format!("no threads can be started: {error}")))?;
    let served = runtime.block_on(serve(args, context, &plan, listeners, key));
    runtime.shutdown_timeout(LAST_WORK);
    served
}

async fn serve(
    args: &ServeArgs,
    context: &Context,
    plan: &Plan,
    listeners: Vec<TcpListener>,
    key: Option<VaultKey>,
) -> Result<(), CliError> {
    let files = tls_files(plan, context)?;
    let options = options::options(context, plan, key)?;
    let mut dashboard = Dashboard::open(options, listeners, files)?.reporting(complain);
    if let Some(directory) = &args.web {
        dashboard = dashboard.with_page(directory.clone());
    }
    let certificate = dashboard.certificate();
    let shutdown = signals::shutdown(certificate.clone(), complain)?;
    announce(context, plan, &dashboard, certificate.as_ref())?;
    say_faults_in_one_line();
    let notify = context
        .environment
        .get(Variable::NotifySocket)
        .map(ToOwned::to_owned);
    share::keeper::notify(notify.as_deref(), "READY=1");
    if !args.no_browser {
        browser::open(context, &plan::local_url(plan, dashboard.addresses()));
    }
    let told = async {
        shutdown.await;
        share::keeper::notify(notify.as_deref(), "STOPPING=1");
    };
    dashboard.run(told).await;
    Ok(())
}

/// The key of a vault that a passphrase protects: asked for now, since nobody can be asked later.
fn unlocked_key(context: &Context) -> Result<Option<VaultKey>, CliError> {
    let vault = context.open_or_create_vault()?;
    match vault.protection()? {
        Protection::Passphrase => Ok(Some(vault.expose_key()?)),
        Protection::File | Protection::Keyring => Ok(None),
    }
}

/// The sockets that systemd hands over, and where they listen.
fn handed_over(context: &Context) -> Result<Vec<(TcpListener, SocketAddr)>, CliError> {
    let number =
        |variable| -> Option<u32> { context.environment.get(variable)?.to_str()?.parse().ok() };
    if number(Variable::ListenProcess) != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = number(Variable::ListenDescriptors).unwrap_or(0);
    descriptors::take_listeners(count).map_err(|error| {
        CliError::new(
            Kind::Usage,
            format!("a socket that was handed over cannot be used: {error}"),
            "Give listening TCP sockets: ListenStream=127.0.0.1:5111 in the .socket unit.",
        )
    })
}

fn tls_files(plan: &Plan, context: &Context) -> Result<Option<TlsFiles>, CliError> {
    match &plan.encryption {
        Encryption::None => Ok(None),
        Encryption::Given(files) => Ok(Some(files.clone())),
        Encryption::SelfSigned => {
            let paths = context.paths()?;
            let names = plan::own_names();
            Ok(Some(TlsFiles::self_signed(paths.directory(), &names)?))
        }
    }
}

fn announce(
    context: &Context,
    plan: &Plan,
    dashboard: &Dashboard,
    certificate: Option<&Certificate>,
) -> Result<(), CliError> {
    let output = &context.output;
    for url in plan::urls(plan, dashboard.addresses()) {
        output.text(&format!("dashboard: {url}"))?;
    }
    if let Some(certificate) = certificate {
        output.text(&format!(
            "certificate: SHA-256 {}",
            certificate.fingerprint()
        ))?;
        if matches!(plan.encryption, Encryption::SelfSigned) {
            output.hint("Browsers warn of a certificate made here. Compare the fingerprint before you go on.");
        }
    }
    if let Some(code) = dashboard.setup_code() {
        output.text(&format!("set-up code, asked for on other machines: {code}"))?;
    }
    for warning in &plan.warnings {
        output.warning(warning);
    }
    Ok(())
}

/// A dashboard whose complaints nobody takes goes on.
fn complain(line: &str) {
    let at = time::rfc3339(time::now()).unwrap_or_default();
    let line = format!("{at} {}\n", model::printable(&redacted(line)));
    drop(io::stderr().write_all(line.as_bytes()));
}

/// What a fault says of itself may hold what somebody typed; where it happened does not.
fn say_faults_in_one_line() {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        complain(&format!("a fault in the program at {place}"));
    }));
}

fn internal(message: &str) -> CliError {
    CliError::new(Kind::Internal, message, "Check the limits of this system.")
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> CliError {
    let (kind, message, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            Kind::Busy,
            format!("port {} is taken", address.port()),
            "Another dashboard may be running. Choose another port: --port 5112, or --port 0 for any.",
        ),
        io::ErrorKind::PermissionDenied => (
            Kind::Storage,
            format!("port {} may not be used", address.port()),
            "Choose one above 1023: --port 5111.",
        ),
        _ => (
            Kind::Network,
            format!("cannot listen on {address}: {error}"),
            "Check that the address is this machine's.",
        ),
    };
    CliError::new(kind, message, hint)
}

impl From<CertificateError> for CliError {
    fn from(error: CertificateError) -> Self {
        let (kind, hint) = match &error {
            CertificateError::File { .. } => (
                Kind::Storage,
                "Check that the file exists, and its owner and permissions.",
            ),
            CertificateError::NoCertificate(_) => (
                Kind::Input,
                "Give --tls-cert a file with `-----BEGIN CERTIFICATE-----`.",
            ),
            CertificateError::NoKey(_) => (
                Kind::Input,
                "Give --tls-key a file with `-----BEGIN PRIVATE KEY-----`.",
            ),
            CertificateError::Unsuitable { .. } => (
                Kind::Input,
                "Give the key that the certificate was made for.",
            ),
            CertificateError::NotMade(_) => {
                (Kind::Internal, "Give one: --tls-cert FILE --tls-key FILE.")
            }
        };
        Self::new(kind, error.to_string(), hint)
    }
}

impl From<DashboardError> for CliError {
    fn from(error: DashboardError) -> Self {
        match error {
            DashboardError::Unusable { message, hint } => Self::new(Kind::Vault, message, hint),
            DashboardError::Certificate(error) => error.into(),
            DashboardError::Socket(_) => internal(&error.to_string()),
        }
    }
}
