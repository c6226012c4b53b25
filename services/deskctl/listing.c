/* Lists of the API, page by page. Called by the commands that print one. */
#include "deskctl/listing.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/client.h"
#include <stdio.h>
#include <string.h>

/* Reads pages until `limit` items are there. NULL after printing a failure (code in *ret_code). */
static json_t *read_pages(struct cli *cli, const char *path, long limit, int *ret_code)
{
    struct client *client = cli_client(cli);
    json_t *items = json_array();
    _cleanup_(freep) char *cursor = NULL;

    while ((long)json_array_size(items) < limit) {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf page = BUF_INIT;
        long want = limit - (long)json_array_size(items);
        const char *next;

        buf_printf(&page, "%s%climit=%ld", path, strchr(path, '?') ? '&' : '?', want > 200 ? 200 : want);
        if (cursor) {
            buf_add_text(&page, "&cursor=");
            buf_add_percent(&page, str_from(cursor));
        }
        client_call(client, "GET", buf_text(&page), NULL, NULL, &response);
        if (response.status != 200) {
            *ret_code = client_explain(&response, client->url);
            json_decref(items);
            return NULL;
        }
        json_array_extend(items, json_object_get(response.json, "items"));
        next = json_string_value(json_object_get(response.json, "next"));
        free(cursor);
        cursor = mem_str(next);
        if (!cursor)
            break;
    }
    if (cursor && !cli->json)
        fprintf(stderr, T("(there are more; -n N shows N)\n", "（还有更多；-n N 显示 N 行）\n"));
    *ret_code = EXIT_OK_;
    return items;
}

int listing_print(struct cli *cli, const char *path, long rows, const struct column *columns, int ncolumns,
                  const char *empty)
{
    long limit = cli_flag_number(cli, "limit", rows, 1, LISTING_MOST_ROWS);
    json_t *items;
    int code;

    if (limit < 0)
        return EXIT_USAGE;
    items = read_pages(cli, path, limit, &code);
    if (!items)
        return code;
    if (cli->json)
        output_json(items);
    else
        output_table(items, columns, ncolumns, empty);
    json_decref(items);
    return EXIT_OK_;
}
