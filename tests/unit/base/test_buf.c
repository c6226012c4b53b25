/* The buffer keeps its NUL, whatever happens to it; memory ends the process rather than fail. */
#include "base/buf.h"
#include "base/list.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <signal.h>

Test(buf, grows_and_keeps_its_nul)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    cr_assert_str_eq(buf_text(&buf), "");
    cr_assert_eq(buf_str(&buf).n, 0);
    for (int i = 0; i < 10000; i++) {
        buf_add_char(&buf, (char)('a' + i % 26));
        cr_assert_eq(buf.p[buf.n], 0);
        cr_assert_lt(buf.n, buf.capacity);
    }
    cr_assert_eq(buf.n, 10000);
    buf_reset(&buf);
    cr_assert_str_eq(buf_text(&buf), "");
}

Test(buf, adds_everything)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    buf_add_text(&buf, NULL);
    buf_add(&buf, NULL, 0);
    buf_add_str(&buf, (struct str){NULL, 0});
    cr_assert_eq(buf.n, 0);
    buf_add_i64(&buf, INT64_MIN);
    buf_add_char(&buf, ' ');
    buf_printf(&buf, "%s/%05d", "x", 42);
    buf_add_str(&buf, STR("!"));
    cr_assert_str_eq(buf.p, "-9223372036854775808 x/00042!");
    buf_reset(&buf);
    buf_printf(&buf, "%*d", 5000, 7);
    cr_assert_eq(buf.n, 5000);
    cr_assert_eq(buf.p[4999], '7');
}

Test(buf, only_utf8_is_added)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    buf_add_utf8(&buf, STR("a\xe7\xbd\x91\xff\xe7\xbd"));
    cr_expect_str_eq(buf_text(&buf), "a\xe7\xbd\x91\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

Test(buf, consume_and_take)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;
    char *taken;

    buf_add_text(&buf, "hello world");
    buf_consume(&buf, 6);
    cr_assert_str_eq(buf.p, "world");
    buf_consume(&buf, 0);
    cr_assert_str_eq(buf.p, "world");
    taken = buf_take(&buf);
    cr_assert_str_eq(taken, "world");
    cr_assert_null(buf.p);
    free(taken);
    taken = buf_take(&buf);
    cr_assert_str_eq(taken, "", "an empty buffer gives an empty text, not NULL");
    free(taken);
    buf_add_text(&buf, "x");
    buf_consume(&buf, 99);
    cr_assert_str_eq(buf.p, "");
    buf_consume(&(struct buf){0}, 3);
}

Test(buf, absurd_sizes_end_the_process, .signal = SIGABRT)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    buf_reserve(&buf, SIZE_MAX / 2);
}

Test(memory, copies)
{
    char *a = mem_str("abc"), *b = mem_strn("abcdef", 2), *c = mem_printf("%d-%s", 7, "x"),
         *d = mem_dup("\0\1\2", 3);

    cr_assert_str_eq(a, "abc");
    cr_assert_str_eq(b, "ab");
    cr_assert_str_eq(c, "7-x");
    cr_assert_eq(memcmp(d, "\0\1\2", 3), 0);
    cr_assert_null(mem_str(NULL));
    free(a);
    free(b);
    free(c);
    free(d);
    free(mem_alloc(0));
    free(mem_array(0, 8));
}

/* AddressSanitizer answers such a request with its own report and status instead of NULL. */
#ifndef __SANITIZE_ADDRESS__
Test(memory, arrays_grow_by_one)
{
    int *items = NULL;

    for (size_t n = 0; n < 1000; n++) {
        items = mem_more(items, n, sizeof *items);
        items[n] = (int)n;
    }
    for (size_t n = 0; n < 1000; n++)
        cr_assert_eq(items[n], (int)n);
    free(items);
}

Test(memory, overflow_ends_the_process, .signal = SIGABRT)
{
    volatile size_t count = SIZE_MAX / 2;

    free(mem_array(count, 16));
}
#endif

struct item {
    int n;
    struct list node;
};

Test(list, append_remove_pop)
{
    struct list list;
    struct item items[3] = {{.n = 0}, {.n = 1}, {.n = 2}};
    int sum = 0;

    list_init(&list);
    cr_assert(list_empty(&list));
    cr_assert_null(list_pop(&list));
    for (int i = 0; i < 3; i++)
        list_append(&list, &items[i].node);
    LIST_FOR(node, &list)
    {
        struct item *item = CONTAINER_OF(node, struct item, node);
        sum = sum * 10 + item->n;
        if (item->n == 1)
            list_remove(node); /* safe inside */
    }
    cr_assert_eq(sum, 12);
    list_remove(&items[1].node); /* twice is fine */
    cr_assert_eq(list_pop(&list), &items[0].node);
    cr_assert_eq(list_pop(&list), &items[2].node);
    cr_assert(list_empty(&list));
    list_remove(&(struct list){0});
}

Test(error, every_number_has_its_name)
{
    cr_assert_str_eq(error_info(-E_NOT_FOUND)->name, "E_NOT_FOUND");
    cr_assert_str_eq(error_info(E_NOT_FOUND)->slug, "not-found");
    cr_assert_eq(error_info(-E_TIMEOUT)->retry, RETRY_UNCERTAIN);
    cr_assert_str_eq(error_info(0)->name, "E_INTERNAL");
    cr_assert_str_eq(error_info(12345)->name, "E_INTERNAL");
    cr_assert_str_eq(error_info(INT32_MIN)->name, "E_INTERNAL");
#define X(name_, number, status, retry_, slug_, en, zh)                                                      \
    cr_assert_str_eq(error_info(-number)->name, #name_);                                                     \
    cr_assert(error_info(number)->http_status >= 400 && error_info(number)->http_status < 600);
    MERIDIAN_ERRORS(X)
#undef X
}
