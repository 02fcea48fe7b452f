"""The app for people who do not write code: its pages, and the server that shows them in a browser.

`app` is the widget that a page consists of and `visit` what one page works on; the modules named after a page belong to
it. `server` is the process that `lepton-lab app` runs: Voila, with pages from a pool of warm kernels (`kernels`), its
own page (`server_page`, `template/`), and files in and out (`uploads`, `server_files`).
"""
