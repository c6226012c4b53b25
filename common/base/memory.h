/* Allocation that does not fail: out of memory ends the process with a message. Safe, because nobody was told
 * of anything before it was durable. All results are freed with free(). */
#pragma once
#include <stddef.h>

void *mem_alloc(size_t size);               /* zeroed */
void *mem_array(size_t count, size_t size); /* zeroed; ends the process on overflow */
void *mem_grow(void *pointer, size_t size); /* realloc; new bytes are not zeroed */
/** An array of n items with room for one more: it doubles whenever n is a power of two, so n only grows by
 * one. */
void *mem_more(void *items, size_t n, size_t size);
void *mem_dup(const void *bytes, size_t size);
char *mem_str(const char *text);            /* strdup; NULL gives NULL */
char *mem_strn(const char *text, size_t n); /* copies n bytes and adds NUL */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define NEW(type)              ((type *)mem_alloc(sizeof(type)))
#define NEW_ARRAY(type, count) ((type *)mem_array((count), sizeof(type)))
