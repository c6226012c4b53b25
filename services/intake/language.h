/* Which of our two languages a person reads. Pure. */
#pragma once
#include "base/str.h"

/** "en" or "zh" by Accept-Language (RFC 9110 section 12.5.4), `otherwise` when it names neither. Static
 * storage. */
const char *language_of(struct str accept_language, const char *otherwise);
