/* Positions in the write-ahead log as text. */
#include "db/db.h"
#include <meridian/errors.h>
#include <stdio.h>

char *lsn_format(uint64_t lsn, char ret_text[LSN_TEXT_SIZE])
{
    snprintf(ret_text, LSN_TEXT_SIZE, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    return ret_text;
}

static int parse_half(struct str text, uint64_t *ret_half)
{
    uint64_t value = 0;

    if (!text.n || text.n > 8)
        return -E_BAD_REQUEST;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;

        if (digit < 0)
            return -E_BAD_REQUEST;
        value = value << 4 | (unsigned)digit;
    }
    *ret_half = value;
    return 0;
}

int lsn_parse(struct str text, uint64_t *ret_lsn)
{
    struct str head, tail;
    uint64_t high, low;

    if (!str_cut(text, '/', &head, &tail) || parse_half(head, &high) < 0 || parse_half(tail, &low) < 0)
        return -E_BAD_REQUEST;
    *ret_lsn = high << 32 | low;
    return 0;
}
