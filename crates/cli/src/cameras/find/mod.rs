//! `camweave cameras find`: cameras that answer on the local network, and their streams.

mod add;
mod asking;
mod choose;
mod lines;
mod places;
mod report;
mod streams;

use std::path::PathBuf;
use std::time::Duration;

use camweave_cameras::edit::Value;
use camweave_onvif::Login;
use camweave_stage::Exit;
use clap::Args;

pub use asking::Asked;
pub use choose::{Chosen, choose};
pub use lines::show as show_found;
pub use streams::{Entry, Which, entries};

use super::login::{self, Password};
use crate::error::CliError;
use crate::say::note;
use crate::terminal::{self, can_ask};

/// Where to look, and what to do with what is found.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    search: Search,
    /// Add the cameras to this cameras.yml; it is created if it is not there.
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How long answers are listened for.
const LISTEN_SECONDS: u64 = 3;

/// Where to look, as whom, and for which streams.
#[derive(Debug, Args)]
pub struct Search {
    /// Ask this host, HOST:PORT or http(s)://HOST:PORT/PATH instead of the local network; may be
    /// repeated.
    #[arg(long = "address", value_name = "HOST")]
    pub addresses: Vec<String>,
    /// Listen for answers for so many seconds [default: 3].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    listen: Option<u64>,
    /// The user of the cameras.
    #[arg(long)]
    username: Option<String>,
    #[command(flatten)]
    password: Password,
    /// Which stream of a camera is added: the largest, or the smallest [default: main].
    #[arg(long, value_enum)]
    stream: Option<Which>,
}

/// What a search has found.
pub struct Found {
    pub asked: Vec<Asked>,
    /// Fields that a camera gets besides its URL, if its device has asked for a login.
    pub login: Vec<(&'static str, Value)>,
}

impl Search {
    /// An option that is given and makes sense in a search alone.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            ("--address", !self.addresses.is_empty()),
            ("--listen", self.listen.is_some()),
            ("--username", self.username.is_some()),
            ("a password", self.password.is_given()),
            ("--stream", self.stream.is_some()),
        ];
        options.iter().find(|it| it.1).map(|it| it.0)
    }

    /// Which stream of a camera is added.
    pub fn stream(&self) -> Which {
        self.stream.unwrap_or(Which::Main)
    }

    /// Looks for cameras, and asks them for their streams; a person is asked for user and password
    /// where cameras want them and `may_ask`.
    ///
    /// # Errors
    /// An address or the login is not usable, or nobody could be asked.
    pub fn run(&self, may_ask: bool) -> Result<Found, CliError> {
        let places = places::read(&self.addresses)?;
        let mut login = self.login(may_ask)?;
        let devices = asking::find(
            &places,
            Duration::from_secs(self.listen.unwrap_or(LISTEN_SECONDS)),
        )?;
        let mut asked = asking::ask_all(devices, login.as_ref().map(|(it, _)| it))?;
        let closed = asked.iter().filter(|it| it.wants_login()).count();
        if may_ask && login.is_none() && closed > 0 {
            note!("{closed} of {} ask for user and password", asked.len());
            login = typed_login()?;
            if let Some((login, _)) = &login {
                asked = asking::ask_again(asked, login, Asked::wants_login)?;
            }
        }
        Ok(Found {
            asked,
            login: login.map_or_else(Vec::new, |(_, fields)| fields),
        })
    }

    fn login(&self, may_ask: bool) -> Result<Option<Known>, CliError> {
        let wrong = |text: &str| CliError::new(Exit::Configuration, text.to_owned());
        let Some(user) = &self.username else {
            return match self.password.is_given() {
                true => Err(wrong("a password without a user, expected --username")),
                false => Ok(None),
            };
        };
        let (value, secret) = match self.password.with_secret()? {
            Some(both) => both,
            None if may_ask => {
                let secret = login::checked(terminal::password()?)?;
                (Value::Text(secret.clone()), secret)
            }
            None => {
                return Err(wrong(
                    "a user without a password, expected --password-stdin, --password-env NAME or --password-file FILE",
                ));
            }
        };
        Ok(Some(known(user.clone(), secret, value)))
    }
}

/// A login, and the same as fields of a camera.
type Known = (Login, Vec<(&'static str, Value)>);

fn typed_login() -> Result<Option<Known>, CliError> {
    let Some(user) = terminal::line("user (empty: leave them out): ")? else {
        return Ok(None);
    };
    let secret = login::checked(terminal::password()?)?;
    let value = Value::Text(secret.clone());
    Ok(Some(known(user, secret, value)))
}

fn known(user: String, password: camweave_redact::Secret, value: Value) -> Known {
    let fields = vec![("username", Value::text(&*user)), ("password", value)];
    let login = Login {
        user: user.into(),
        password,
    };
    // A device may quote them.
    camweave_redact::remember(&login.known());
    (login, fields)
}

/// Lists what answers, and adds it where that is asked for.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let found = options.search.run(can_ask() && !options.json)?;
    let entries = entries(&found.asked);
    let added = options.add.as_ref().map_or_else(
        || Ok(add::Added::default()),
        |file| add::add(file, &entries, options.search.stream(), &found.login),
    );
    // What was found is told, whatever the file says to it.
    match (options.json, &added) {
        (true, Ok(added)) => report::show(&found.asked, &entries, added)?,
        (true, Err(_)) => report::show(&found.asked, &entries, &add::Added::default())?,
        (false, Ok(added)) => {
            lines::show(&found.asked, &entries)?;
            add::show(added, options.add.as_deref())?;
        }
        (false, Err(_)) => lines::show(&found.asked, &entries)?,
    }
    added?;
    let nothing = |text: &str| Err(CliError::new(Exit::Incomplete, text.to_owned()));
    if found.asked.is_empty() {
        return nothing(
            "no device answers: enable ONVIF in the cameras (many have it off); let this machine's firewall take UDP from port 3702; a search ends at routers and at a container's network: ask cameras behind them by --address",
        );
    }
    if !entries.iter().any(Entry::is_playable) {
        return nothing(match found.asked.iter().any(Asked::wants_login) {
            true => {
                "no device names a stream without a login, expected --username with --password-stdin, --password-env NAME or --password-file FILE"
            }
            false => "no device names a stream",
        });
    }
    Ok(Exit::Success)
}
