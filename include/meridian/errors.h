/* Every failure Meridian can report, once. HTTP answers, logs, metrics and docs/errors.md are generated from
 * this list.
 *
 * A fallible function returns 0 for success, a positive outcome that its own header documents, or one of
 * these negated
 * (`return -E_NOT_FOUND`). Failures are forwarded unchanged; the frame that handles one logs it once.
 */
#pragma once
#include <stdint.h>

/** Whether the same call may be made again. */
enum retry_class {
    RETRY_NEVER,     /* the call itself is wrong: change it */
    RETRY_LATER,     /* nothing happened; the same call may succeed later */
    RETRY_UNCERTAIN, /* it may have happened: repeat only with the same key */
};

/* X(name, number, HTTP status, retry class, slug, English title, Chinese title). Numbers travel on the bus
 * and are never reused; the slug is the last part of the problem type `urn:meridian:problem:<slug>`. */
#define MERIDIAN_ERRORS(X)                                                                                   \
    X(E_INTERNAL, 1, 500, RETRY_LATER, "internal", "Internal error", "内部错误")                             \
    X(E_MALFORMED_JSON, 2, 400, RETRY_NEVER, "malformed-json", "The body is not valid JSON",                 \
      "请求体不是有效的 JSON")                                                                               \
    X(E_VALIDATION, 3, 422, RETRY_NEVER, "validation", "Some fields are not valid", "部分字段无效")          \
    X(E_UNAUTHENTICATED, 4, 401, RETRY_NEVER, "unauthenticated", "Sign in first", "请先登录")                \
    X(E_SESSION_EXPIRED, 5, 401, RETRY_NEVER, "session-expired", "The session or token has expired",         \
      "会话或令牌已过期")                                                                                    \
    X(E_BAD_CREDENTIALS, 6, 401, RETRY_NEVER, "bad-credentials", "Wrong user or password",                   \
      "用户名或密码错误")                                                                                    \
    X(E_FORBIDDEN, 7, 403, RETRY_NEVER, "forbidden", "You may not do this", "无权执行此操作")                \
    X(E_CSRF, 8, 403, RETRY_NEVER, "csrf", "The CSRF token is missing or wrong", "CSRF 令牌缺失或错误")      \
    X(E_NOT_FOUND, 9, 404, RETRY_NEVER, "not-found", "Not found", "未找到")                                  \
    X(E_METHOD, 10, 405, RETRY_NEVER, "method-not-allowed", "Method not allowed", "不允许的方法")            \
    X(E_CONFLICT, 11, 409, RETRY_NEVER, "conflict", "Conflicts with the present state", "与当前状态冲突")    \
    X(E_ALREADY_CLAIMED, 12, 409, RETRY_NEVER, "already-claimed", "Somebody else claimed it first",          \
      "已被他人领取")                                                                                        \
    X(E_OWNERSHIP_LOST, 13, 409, RETRY_NEVER, "ownership-lost", "You no longer own this ticket",             \
      "您已不再拥有此工单")                                                                                  \
    X(E_BAD_TRANSITION, 14, 409, RETRY_NEVER, "bad-transition", "The ticket's state does not allow this",    \
      "工单当前状态不允许此操作")                                                                            \
    X(E_KEY_REUSED, 15, 422, RETRY_NEVER, "key-reused", "The idempotency key was used with another body",    \
      "幂等键已用于不同的请求体")                                                                            \
    X(E_KEY_IN_FLIGHT, 16, 409, RETRY_LATER, "key-in-flight",                                                \
      "The first request with this key is still running", "使用此键的首个请求仍在处理")                      \
    X(E_PRECONDITION, 17, 412, RETRY_NEVER, "precondition-failed",                                           \
      "The version that you name is not the present one", "指定的版本不是当前版本")                          \
    X(E_PRECONDITION_REQUIRED, 18, 428, RETRY_NEVER, "precondition-required",                                \
      "epoch is required for this call", "此调用需要 epoch")                                                 \
    X(E_TOO_LARGE, 19, 413, RETRY_NEVER, "too-large", "The body is too large", "请求体过大")                 \
    X(E_MEDIA_TYPE, 20, 415, RETRY_NEVER, "unsupported-media-type", "Send application/json",                 \
      "请发送 application/json")                                                                             \
    X(E_RATE_LIMITED, 21, 429, RETRY_LATER, "rate-limited", "Too many requests", "请求过多")                 \
    X(E_UNAVAILABLE, 22, 503, RETRY_LATER, "unavailable", "Temporarily unavailable", "暂时不可用")           \
    X(E_SPOOL_FULL, 23, 503, RETRY_LATER, "spool-full",                                                      \
      "The submission could not be stored; nothing was accepted", "无法保存提交；未接受任何内容")            \
    X(E_TIMEOUT, 24, 504, RETRY_UNCERTAIN, "timeout",                                                        \
      "No answer in time; repeat with the same Idempotency-Key",                                             \
      "超时未答复；请使用相同的 Idempotency-Key 重试")                                                       \
    X(E_DB, 25, 503, RETRY_LATER, "database", "The database refused or is away", "数据库拒绝或不可用")       \
    X(E_DB_RETRY, 26, 503, RETRY_LATER, "database-retry", "The transaction must be repeated",                \
      "事务需要重试")                                                                                        \
    X(E_DB_UNCERTAIN, 27, 503, RETRY_UNCERTAIN, "database-uncertain",                                        \
      "The connection died during commit; repeat with the same Idempotency-Key",                             \
      "提交期间连接中断；请使用相同的 Idempotency-Key 重试")                                                 \
    X(E_STALE_PRIMARY, 28, 503, RETRY_LATER, "stale-primary", "This primary has been replaced",              \
      "此主库已被取代")                                                                                      \
    X(E_BAD_REQUEST, 29, 400, RETRY_NEVER, "bad-request", "Bad request", "错误的请求")                       \
    X(E_CONFIG, 30, 500, RETRY_NEVER, "configuration", "Wrong configuration", "配置错误")                    \
    X(E_IO, 31, 500, RETRY_LATER, "io", "Input/output error", "输入输出错误")                                \
    X(E_PEER, 32, 502, RETRY_LATER, "peer", "A peer answered wrongly or was refused",                        \
      "对端应答错误或被拒绝")                                                                                \
    X(E_URI_TOO_LONG, 33, 414, RETRY_NEVER, "uri-too-long", "The URI is too long", "URI 过长")               \
    X(E_HEADERS_TOO_LARGE, 34, 431, RETRY_NEVER, "headers-too-large", "The header is too large",             \
      "请求头过大")                                                                                          \
    X(E_REQUEST_TIMEOUT, 35, 408, RETRY_LATER, "request-timeout", "The request did not arrive in time",      \
      "请求未及时到达")                                                                                      \
    X(E_RANGE, 36, 400, RETRY_NEVER, "bad-cursor", "The cursor is not valid; start again without it",        \
      "游标无效；请去掉游标重新开始")                                                                        \
    X(E_TICKET_FULL, 37, 409, RETRY_NEVER, "ticket-full", "The ticket takes no more; submit a new one",      \
      "此工单不再接受更多内容；请提交新的工单")                                                              \
    X(E_NUDGED_LATELY, 38, 409, RETRY_NEVER, "nudged-lately", "The desk was asked a short while ago",        \
      "刚刚已经催办过")                                                                                      \
    X(E_MERGED, 40, 409, RETRY_NEVER, "already-merged", "The ticket is part of another one",                 \
      "此工单已并入另一工单")                                                                                \
    X(E_LINK, 41, 409, RETRY_NEVER, "link-refused", "The links that exist do not allow this",                \
      "现有关联不允许此操作")                                                                                \
    X(E_OPEN_DEPENDENCIES, 42, 409, RETRY_NEVER, "open-dependencies",                                        \
      "What the ticket depends on is not solved", "此工单依赖的工单尚未解决")                                \
    X(E_NOT_ELIGIBLE, 43, 409, RETRY_NEVER, "not-eligible", "You may not take this ticket now",              \
      "您目前不能领取此工单")                                                                                \
    X(E_OFFERED, 45, 409, RETRY_NEVER, "offered", "The ticket is offered to somebody else",                  \
      "此工单已派给其他坐席，等待接单")                                                                      \
    X(E_OFFER_OVER, 46, 409, RETRY_NEVER, "offer-over", "There is no such offer any more", "此派单已失效")   \
    X(E_REOPEN_LATE, 49, 409, RETRY_NEVER, "reopen-window-over",                                             \
      "It is too late to reopen the ticket; make a follow-up", "已过重新打开的期限；请创建后续工单")         \
    X(E_LINK_OVER, 50, 410, RETRY_NEVER, "mail-link-over", "The link of the mail is not valid any more",     \
      "邮件中的链接已失效")

enum meridian_error {
#define X(name, number, status, retry, slug, en, zh) name = number,
    MERIDIAN_ERRORS(X)
#undef X
};

struct error_info {
    const char *name;
    int http_status;
    enum retry_class retry;
    const char *slug;
    const char *title_en;
    const char *title_zh;
};

/** Looks up a failure. Takes the code as returned (negative) or its positive number; an unknown one gives
 * E_INTERNAL's. Never NULL; static storage. (common/base/error.c) */
const struct error_info *error_info(int code);
