//! The cameras of the node: which there are, and the task of each.

use std::collections::{HashMap, VecDeque};

use camweave_cameras::{Camera, Change, changes};
use camweave_stage::Context;
use camweave_telemetry::OTHERS;
use crossbeam_channel::Sender;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::info;

use crate::camera_task::{self, CameraTask};
use crate::outbox::{AllBytes, Outbox, Waiting};
use crate::session_limits::SessionLimits;
use crate::wish::{Goal, Wish};

/// A camera of the list.
struct Member {
    wishes: watch::Sender<Wish>,
    /// `None`: it has not been called yet.
    task: Option<JoinHandle<()>>,
}

/// All cameras.
pub(crate) struct Fleet {
    context: Context,
    limits: SessionLimits,
    sender: Sender<Waiting>,
    all_bytes: AllBytes,
    /// As `cameras.yml` has them.
    cameras: Vec<Camera>,
    members: HashMap<String, Member>,
    /// Cameras that have not been called yet.
    uncalled: VecDeque<CameraTask>,
    /// Tasks of cameras that were removed and still take their leave.
    leaving: HashMap<String, JoinHandle<()>>,
    has_called: bool,
}

impl Fleet {
    pub fn new(
        cameras: Vec<Camera>,
        limits: SessionLimits,
        context: &Context,
        sender: Sender<Waiting>,
    ) -> Self {
        let mut fleet = Self {
            context: context.clone(),
            limits,
            sender,
            all_bytes: AllBytes::default(),
            cameras: Vec::new(),
            members: HashMap::new(),
            uncalled: VecDeque::new(),
            leaving: HashMap::new(),
            has_called: false,
        };
        for camera in &cameras {
            fleet.add(camera.clone());
        }
        // Cameras of the process before that are no longer in the list.
        for id in context.counters.report().cameras.into_keys() {
            if id != OTHERS && !fleet.members.contains_key(&id) {
                camera_task::note_removed(&context.counters, &id);
            }
        }
        fleet.cameras = cameras;
        fleet
    }

    /// Takes another list of cameras: what differs is done, and nothing else is touched.
    pub fn apply(&mut self, cameras: Vec<Camera>) {
        for change in changes(&self.cameras, &cameras) {
            match change {
                Change::Removed(id) => {
                    info!(camera = %id, "camera removed from cameras.yml");
                    self.remove(&id);
                }
                Change::Added(camera) => {
                    info!(camera = %camera.id, url = %camera.url, "camera added to cameras.yml");
                    self.add(camera);
                }
                Change::Reconnect(camera) => {
                    info!(camera = %camera.id, url = %camera.url, "camera changed in cameras.yml: it is connected again");
                    self.wish(camera);
                }
                Change::Adjust(camera) => {
                    info!(camera = %camera.id, "camera changed in cameras.yml");
                    self.wish(camera);
                }
            }
        }
        self.cameras = cameras;
    }

    fn add(&mut self, camera: Camera) {
        let outbox = Outbox::new(
            self.sender.clone(),
            AllBytes::clone(&self.all_bytes),
            self.context.waker(),
            self.context.counters.clone(),
        );
        let id = camera.id.clone();
        let (wishes, wish) = watch::channel(Wish::stream(camera));
        let before = self.leaving.remove(&id);
        let task = CameraTask::new(wish, self.limits, self.context.clone(), outbox, before);
        self.uncalled.push_back(task);
        self.members.insert(id, Member { wishes, task: None });
    }

    fn remove(&mut self, id: &str) {
        let Some(member) = self.members.remove(id) else {
            return;
        };
        member.wishes.send_modify(|wish| wish.goal = Goal::Remove);
        if let Some(task) = member.task {
            self.leaving.insert(id.to_owned(), task);
            return;
        }
        let position = self.uncalled.iter().position(|task| task.id() == id);
        let task = position.and_then(|position| self.uncalled.remove(position));
        // One that was removed, added, and removed before it was called.
        if let Some(before) = task.and_then(CameraTask::into_before) {
            self.leaving.insert(id.to_owned(), before);
        } else {
            camera_task::note_removed(&self.context.counters, id);
        }
    }

    fn wish(&mut self, camera: Camera) {
        if let Some(member) = self.members.get(&camera.id) {
            member.wishes.send_replace(Wish::stream(camera));
        }
    }

    /// Whether no camera has been called yet.
    pub fn is_new(&self) -> bool {
        !self.has_called
    }

    /// How many cameras have not been called yet.
    pub fn uncalled(&self) -> usize {
        self.uncalled.len()
    }

    /// Calls so many of the cameras that have not been called; gives the ids of those that will be
    /// decoded.
    pub fn call(&mut self, count: usize, runtime: &Runtime) -> Vec<String> {
        self.leaving.retain(|_, task| !task.is_finished());
        let mut called = Vec::new();
        for task in self.uncalled.drain(..count.min(self.uncalled.len())) {
            self.has_called = true;
            if task.is_decoded() {
                called.push(task.id().to_owned());
            }
            if let Some(member) = self.members.get_mut(task.id()) {
                member.task = Some(runtime.spawn(task.run()));
            }
        }
        called
    }

    /// Has all tasks end; gives them.
    pub fn stop(&mut self) -> Vec<JoinHandle<()>> {
        self.uncalled.clear();
        let members = self.members.drain();
        let mut tasks: Vec<_> = members
            .filter_map(|(_, member)| {
                member.wishes.send_modify(|wish| wish.goal = Goal::Stop);
                member.task
            })
            .collect();
        tasks.extend(self.leaving.drain().map(|(_, task)| task));
        tasks
    }
}
