/* Allocation that ends the process when memory is out; see memory.h for why that is safe. */
#include "base/memory.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *pointer)
{
    if (!pointer) {
        fputs("{\"level\":\"error\",\"msg\":\"out of memory\"}\n", stderr);
        abort();
    }
    return pointer;
}

void *mem_alloc(size_t size)
{
    return check(calloc(1, size ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size ? size : 1));
}

void *mem_grow(void *pointer, size_t size)
{
    return check(realloc(pointer, size ? size : 1));
}

void *mem_more(void *items, size_t n, size_t size)
{
    size_t bytes;

    if (n & (n - 1))
        return items;
    if (__builtin_mul_overflow(n ? 2 * n : 1, size, &bytes))
        bytes = SIZE_MAX; /* which nobody has */
    return mem_grow(items, bytes);
}

void *mem_dup(const void *bytes, size_t size)
{
    void *copy = mem_alloc(size);

    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

char *mem_str(const char *text)
{
    return text ? check(strdup(text)) : NULL;
}

char *mem_strn(const char *text, size_t n)
{
    char *copy = mem_alloc(n + 1);

    if (n)
        memcpy(copy, text, n);
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return check(text);
}
