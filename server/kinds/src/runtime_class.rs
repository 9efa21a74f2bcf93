//! RuntimeClass.

use k8s_openapi::api::node::v1;
use object::{FieldErrors, name};

use crate::{
    Column, Kind, column,
    parts::{cells, check, template},
};

pub struct RuntimeClass;

impl Kind for RuntimeClass {
    type Object = v1::RuntimeClass;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Handler", |class: &v1::RuntimeClass, _| class.handler.as_str().into()),
        cells::age(),
    ];

    fn set_defaults(class: &mut v1::RuntimeClass) {
        if let Some(fixed) = class.overhead.as_mut().and_then(|one| one.pod_fixed.as_mut()) {
            check::canonicalize(fixed);
        }
    }

    fn validate(class: &v1::RuntimeClass, errors: &mut FieldErrors) {
        if let Err(why) = name::label(&class.handler) {
            errors.invalid("handler", class.handler.as_str(), why);
        }
        let fixed = class.overhead.as_ref().and_then(|overhead| overhead.pod_fixed.as_ref());
        for (name, amount) in fixed.into_iter().flatten() {
            check::nonnegative_quantity(amount, &format!("overhead.podFixed[{name}]"), errors);
        }
        let Some(scheduling) = &class.scheduling else { return };
        check::labels(scheduling.node_selector.as_ref(), "scheduling.nodeSelector", errors);
        for (index, toleration) in scheduling.tolerations.iter().flatten().enumerate() {
            let path = format!("scheduling.tolerations[{index}]");
            template::validate_toleration(toleration, &path, errors);
        }
    }

    fn validate_update(new: &v1::RuntimeClass, old: &v1::RuntimeClass, errors: &mut FieldErrors) {
        check::immutable(&new.handler, &old.handler, "handler", errors);
    }
}
