//! LimitRange.

use k8s_openapi::api::core::v1;
use object::FieldErrors;

use crate::{Kind, parts::limits};

pub struct LimitRange;

impl Kind for LimitRange {
    type Object = v1::LimitRange;
    const SHORT_NAMES: &'static [&'static str] = &["limits"];

    fn set_defaults(range: &mut v1::LimitRange) {
        for item in range.spec.iter_mut().flat_map(|spec| &mut spec.limits) {
            limits::set_defaults(item);
        }
    }

    fn validate(range: &v1::LimitRange, errors: &mut FieldErrors) {
        let items = range.spec.as_ref().map(|spec| spec.limits.as_slice()).unwrap_or_default();
        limits::validate(items, errors);
    }
}
