/* Memory that only start-up or a burst needed goes back to the system. Any thread. */
#pragma once

/** Trims the heap and lets go of the read-only pages of the program and its libraries; what is used again
 * comes back from the page cache, a microsecond each. Most of a service's resident memory is code that only
 * ran once. */
void residence_release(void);
