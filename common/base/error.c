/* The table behind include/meridian/errors.h. */
#include "meridian/errors.h"
#include <stddef.h>

static const struct error_info errors[] = {
#define X(name, number, status, retry, slug, en, zh) [number] = {#name, status, retry, slug, en, zh},
    MERIDIAN_ERRORS(X)
#undef X
};

const struct error_info *error_info(int code)
{
    size_t number = (size_t)(code < 0 ? -(int64_t)code : code);

    if (number >= sizeof errors / sizeof errors[0] || !errors[number].name)
        return &errors[E_INTERNAL];
    return &errors[number];
}
