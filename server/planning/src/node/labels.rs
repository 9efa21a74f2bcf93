//! The labels by which containers are recognised, whoever started the agent that looks at them.

pub const NODE: &str = "longshore.dev/node";
pub const POD_UID: &str = "longshore.dev/pod-uid";
pub const POD_NAMESPACE: &str = "longshore.dev/pod-namespace";
pub const POD_NAME: &str = "longshore.dev/pod-name";
/// On containers, not on sandboxes.
pub const CONTAINER_NAME: &str = "longshore.dev/container-name";
pub const RESTART_COUNT: &str = "longshore.dev/restart-count";
/// Restarts in a row, which decide the back-off.
pub const CRASHES: &str = "longshore.dev/crashes";
pub const SPEC_HASH: &str = "longshore.dev/spec-hash";
pub const SANDBOX_ID: &str = "longshore.dev/sandbox-id";
/// On sandboxes: which one of the pod's it is, and its address.
pub const ATTEMPT: &str = "longshore.dev/attempt";
pub const POD_IP: &str = "longshore.dev/pod-ip";
