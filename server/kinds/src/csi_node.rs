//! CSINode.

use k8s_openapi::api::storage::v1;
use object::{FieldErrors, error::Problem, name};

use crate::{
    Column, Kind, Subresource, column,
    parts::{
        cells,
        check::{self, Once},
        storage,
    },
};

const ID_BYTES_MAX: usize = 192;

pub struct CSINode;

impl Kind for CSINode {
    type Object = v1::CSINode;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::CSINode, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Drivers", |node: &v1::CSINode, _| node.spec.drivers.len().into()).integer(),
        cells::age(),
    ];
    const RETURNS_DELETED: bool = true;

    fn prepare_create(node: &mut v1::CSINode) {
        node.status = None;
    }

    fn validate(node: &v1::CSINode, errors: &mut FieldErrors) {
        let mut names = Once::default();
        for (index, driver) in node.spec.drivers.iter().enumerate() {
            let path = format!("spec.drivers[{index}]");
            storage::validate_driver(&driver.name, &format!("{path}.name"), errors);
            names.check(&driver.name, &format!("{path}.name"), errors);
            if driver.node_id.is_empty() {
                errors.required(format!("{path}.nodeID"), "");
            } else if driver.node_id.len() > ID_BYTES_MAX {
                let why = format!("must be {ID_BYTES_MAX} characters or less");
                errors.invalid(format!("{path}.nodeID"), driver.node_id.as_str(), why);
            }
            let count = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count);
            check::nonnegative(count, &format!("{path}.allocatable.count"), errors);
            let mut keys = Once::default();
            for key in driver.topology_keys.iter().flatten() {
                let at = format!("{path}.topologyKeys");
                if key.is_empty() {
                    errors.required(&*at, "");
                } else if let Err(why) = name::qualified(key) {
                    errors.invalid(&*at, key.as_str(), why);
                }
                keys.check(key, &at, errors);
            }
            if driver.topology_keys.as_ref().is_some_and(|keys| keys.len() > 128) {
                errors.push(
                    format!("{path}.topologyKeys"),
                    Problem::TooMany,
                    "must have at most 128 items",
                );
            }
        }
    }

    /// What a driver said of itself stays until it is taken off the node.
    fn validate_update(new: &v1::CSINode, old: &v1::CSINode, errors: &mut FieldErrors) {
        for driver in &old.spec.drivers {
            let mut same = new.spec.drivers.iter().filter(|other| other.name == driver.name);
            let Some(other) = same.next() else { continue };
            let kept =
                v1::CSINodeDriver { allocatable: driver.allocatable.clone(), ..other.clone() };
            if kept != *driver {
                errors.invalid("CSINode.Spec.Drivers", check::shown(other), check::IMMUTABLE);
            }
        }
    }
}
