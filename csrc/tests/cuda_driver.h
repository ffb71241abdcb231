// What tests see and set of the driver that runs kernels on the CPU.
#pragma once

namespace fake_driver {

extern int contexts, loads, launches;  // how often the driver was asked
extern int next_error;                 // of the next load or launch
extern bool has_context;               // of the calling thread
extern const char* missing;            // why there is no driver, or null
extern const char* hidden;             // a kernel that no image has
void reverse(bool order);              // blocks and threads run from the last to the first

}  // namespace fake_driver
