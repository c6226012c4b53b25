/* Repairs of NNG 1.5.2 at link time. Private. */
#pragma once
#include "base/cleanup.h"

/** 0, or -E_INTERNAL when this is another NNG than the one that the repairs fit. */
int nng_repairs_fit(void) _must_check_;
