"""What schemathesis sends is bounded in time: watches end by themselves, nothing waits."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query if isinstance(case.query, dict) else {}
    case.query = {**query, "timeoutSeconds": 1}
