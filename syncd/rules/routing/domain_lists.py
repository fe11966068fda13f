"""Domains and labels that say nothing about a company. Data only; `domains` reads it.

`FREE_MAIL` and `FREE_MAIL_LABELS`: mailboxes anybody can have; a label stands for every top-level domain, as `yahoo`
for `yahoo.co.uk`. `HOSTING`: sites anybody can have, below these domains too. `GENERIC_LABELS`: too common to be a
brand.
"""

from __future__ import annotations

_FREE_MAIL = """
gmail.com googlemail.com outlook.com hotmail.com live.com msn.com passport.com windowslive.com
icloud.com me.com mac.com aol.com aim.com ymail.com rocketmail.com yahoo.com myyahoo.com att.net sbcglobal.net
bellsouth.net comcast.net xfinity.com verizon.net cox.net charter.net spectrum.net roadrunner.com rr.com
earthlink.net mindspring.com juno.com netzero.net optonline.net frontier.com centurylink.net windstream.net
proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tutamail.com tuta.io tuta.com keemail.me
fastmail.com fastmail.fm hey.com duck.com mail.com email.com usa.com post.com consultant.com engineer.com
hushmail.com zoho.com zohomail.com zohomail.eu zohomail.in inbox.com inbox.lv gmx.net gmx.de gmx.at gmx.ch web.de
t-online.de freenet.de arcor.de posteo.de posteo.net mailbox.org 1und1.de online.de vodafone.de kabelmail.de
a1.net aon.at chello.at bluewin.ch hispeed.ch sunrise.ch orange.fr wanadoo.fr free.fr sfr.fr laposte.net
neuf.fr bbox.fr numericable.fr libero.it virgilio.it tiscali.it tin.it alice.it iol.it poste.it telefonica.net
terra.com terra.com.br uol.com.br bol.com.br ig.com.br globo.com sapo.pt telenet.be skynet.be proximus.be
ziggo.nl kpnmail.nl planet.nl hetnet.nl home.nl xs4all.nl btinternet.com btopenworld.com sky.com virginmedia.com
talktalk.net ntlworld.com blueyonder.co.uk tiscali.co.uk eircom.net telia.com comhem.se online.no wp.pl o2.pl
onet.pl interia.pl op.pl seznam.cz centrum.cz email.cz post.cz azet.sk abv.bg ukr.net i.ua mail.ru bk.ru list.ru
inbox.ru internet.ru rambler.ru yandex.ru yandex.com ya.ru qq.com foxmail.com 163.com 126.com yeah.net sina.com
sina.cn sohu.com aliyun.com 139.com 189.cn naver.com hanmail.net daum.net nate.com kakao.com docomo.ne.jp
ezweb.ne.jp softbank.ne.jp nifty.com rediffmail.com indiatimes.com sify.com bigpond.com bigpond.net.au
optusnet.com.au iinet.net.au internode.on.net xtra.co.nz shaw.ca rogers.com sympatico.ca telus.net videotron.ca
bell.net mweb.co.za telkomsa.net mailinator.com guerrillamail.com 10minutemail.com temp-mail.org yopmail.com
trashmail.com getnada.com sharklasers.com simplelogin.com anonaddy.com privaterelay.appleid.com
"""
FREE_MAIL = frozenset(_FREE_MAIL.split())

_FREE_MAIL_LABELS = "gmail googlemail yahoo ymail hotmail outlook live msn aol gmx yandex icloud"
FREE_MAIL_LABELS = frozenset(_FREE_MAIL_LABELS.split())

_HOSTING = """
github.io gitlab.io herokuapp.com netlify.app vercel.app pages.dev workers.dev web.app firebaseapp.com appspot.com
amazonaws.com cloudfront.net azurewebsites.net windows.net onmicrosoft.com sharepoint.com blogspot.com
wordpress.com wixsite.com weebly.com squarespace.com webflow.io myshopify.com godaddysites.com jimdo.com
jimdofree.com strikingly.com carrd.co notion.site substack.com tumblr.com sites.google.com
business.site facebook.com instagram.com linkedin.com twitter.com x.com youtube.com tiktok.com linktr.ee
ngrok.io fly.dev onrender.com glitch.me surge.sh bigcartel.com
"""
HOSTING = frozenset(_HOSTING.split())

_GENERIC_LABELS = """
mail email webmail mailbox inbox post group groups team teams info office company corp corporate enterprise
enterprises business global international worldwide national holding holdings ventures partners partner
consulting consultants services service solutions systems system tech technology technologies digital media
marketing design studio studios agency online internet web website site home host hosting server cloud network
networks app apps api dev test testing demo example sample local localhost internal intranet admin support help
contact hello sales shop store blog news data software labs lab health care finance capital bank law legal
school college university academy hotel travel energy food auto cars
"""
GENERIC_LABELS = frozenset(_GENERIC_LABELS.split())
