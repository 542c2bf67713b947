// A place that stays while its words change: a screen reader tells what comes into it.
element.setAttribute('role', 'status');
