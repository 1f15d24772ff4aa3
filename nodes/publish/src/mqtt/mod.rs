//! Delivery to a broker: each connection is a new session that goes on with the first message that no
//! broker has confirmed. Which these are is in our own queue, so a session's past is of no use.

mod broker;
mod packets;
mod session;

use tokio::time::timeout;

use crate::failure::{Failure, Reason};
use crate::queue::Queue;
pub(crate) use broker::Mqtt;
use broker::{announcement, available};
use packets::Opening;
use session::Session;

impl Mqtt {
    /// Delivers until the queue is closed and empty.
    pub async fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        // Twice: an address, and the certificates of who is there.
        let stream = timeout(2 * self.timeout, self.connect()).await;
        let stream =
            stream.map_err(|_| Failure::new(Reason::Timeout, "no connection in time"))??;
        let will_topic = self.topics.available();
        let opening = Opening {
            client_id: &self.client_id,
            will_topic: &will_topic,
            will: "offline",
            login: self
                .login
                .as_ref()
                .map(|(user, password)| (&**user, password.expose())),
        };
        let mut session = Session::open(stream, self.version, &opening, self.timeout).await?;
        session.announce(available(&will_topic, "online"));
        for camera in &self.cameras {
            if let Some(message) = announcement(&self.topics, camera) {
                session.announce(message);
            }
        }
        session.deliver(self, queue).await?;
        session.announce(available(&will_topic, "offline"));
        session.end().await
    }
}
